"""The report of a training run: one HTML page that needs nothing but itself."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training import plots
from training.result import Trained

TEMPLATE = "report.html.jinja"
# Metrics in the order in which they are read, with their headings.
HEADINGS = {
    "rows": "Rows",
    "roc_auc": "ROC AUC",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "brier": "Brier",
}


def render(tag: str, trained: Trained) -> str:
    """Returns the report as HTML, its plots included."""
    card, evaluation = trained.card, trained.evaluation
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric"] = _metric
    overall = card.performance["overall"]
    groups = {"Classes": card.classes}
    for name in evaluation.slices:
        if name in card.performance:
            groups.setdefault(f"By {name.partition('=')[0]}", []).append(name)
    return environment.get_template(TEMPLATE).render(
        tag=tag,
        name=tag.partition(":")[0],
        trained_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        card=card,
        notes=trained.notes,
        overall={key: overall[key] for key in HEADINGS if key in overall},
        headings=HEADINGS,
        groups=groups,
        class_shares=[
            (name, int((evaluation.labels == index).sum()), len(evaluation.labels))
            for index, name in enumerate(card.classes)
        ],
        averages=(
            f"“{card.classes[evaluation.positive]}”"
            if evaluation.positive is not None
            else "all classes, weighted by their size"
        ),
        curves=[
            ("ROC curve", plots.roc(evaluation)),
            ("Precision and recall", plots.precision_recall(evaluation)),
            ("Calibration", plots.calibration(evaluation)),
            ("Confusion matrix", plots.confusion(evaluation)),
        ],
        rankings_title=trained.rankings_title,
        rankings=[
            (group, plots.ranking(items, compact=bool(group)))
            for group, items in trained.rankings.items()
        ],
    )


def _metric(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if name == "rows" else f"{value:.4f}"
