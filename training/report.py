"""The report of a training run: one HTML page that needs nothing but itself."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from framework.evaluation import pages, plots
from training.errors import TrainingError
from training.result import Trained

TEMPLATE = "report.html.jinja"


def render(tag: str, trained: Trained) -> str:
    """Returns the report as HTML, its plots included."""
    card, evaluation = trained.card, trained.evaluation
    overall = card.performance["overall"]
    groups: dict[str, list[str]] = {}
    if parts := list(evaluation.parts()):
        groups[evaluation.parts_title] = parts
    for name in evaluation.slices:
        if name in card.performance:
            groups.setdefault(f"By {name.partition('=')[0]}", []).append(name)
    return (
        pages.environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            tag=tag,
            trained_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            card=card,
            evaluation=evaluation,
            notes=trained.notes,
            gate=trained.gate,
            overall={key: overall[key] for key in evaluation.headings if key in overall},
            groups=groups,
            plots=evaluation.plots(),
            rankings_title=trained.fitted.rankings_title,
            rankings=[
                (group, plots.ranking(items, compact=bool(group)))
                for group, items in trained.fitted.rankings.items()
                if items
            ],
        )
    )


@contextmanager
def staged_report(target: Path | None) -> Iterator[Callable[[str], object]]:
    """Gives what writes a report beside `target`, and puts it in its place if all went well.

    The file is made before the work begins, so that a folder that cannot be written is known
    early. Without a target nothing is written.

    Raises:
        TrainingError: It cannot be written.
    """
    if target is None:
        yield lambda page: None
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise TrainingError(f"{target}: the report cannot be written: {error.strerror}.") from error
    os.close(handle)
    staged = Path(name)
    # A temporary file is for its owner only; a report is for whoever may read its folder.
    staged.chmod(0o644)
    try:
        yield partial(staged.write_text, encoding="utf-8")
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
