"""What a run prints of the model it has stored."""

from collections.abc import Sequence
from pathlib import Path

import bentoml

from framework.card import DataSummary, ModelCard
from framework.evaluation.classification import Classification
from framework.evaluation.pages import metric
from framework.evaluation.regression import HEADINGS
from framework.gate import GateReport
from training.files import REPORT_FILE

MARKS = {
    "simulated": "  ** SIMULATED DATA: these numbers describe no real case **",
    "builtin": "  (data that a library ships)",
    "file": "",
}
_METRICS = [name for name in {**Classification.headings, **HEADINGS} if name != "rows"]


def print_summary(model: bentoml.Model, report: Path | None) -> None:
    """Prints where a stored model comes from and what it is worth."""
    card = ModelCard.read(model)
    print(f"\n{model.tag}{MARKS[card.data.kind]}")
    print(f"  data    {_data(card.data)}")
    overall = card.performance["overall"]
    if card.units:
        print("  units   " + ", ".join(f"{name} in {unit}" for name, unit in card.units.items()))
    _print_table("overall", [""], [overall], [name for name in _METRICS if name in overall])
    parts = card.classes or (card.target if len(card.target) > 1 else [])
    if parts:
        metrics = [card.performance[name] for name in parts]
        names = [name for name in _METRICS if name in metrics[0]]
        _print_table("class" if card.classes else "target", parts, metrics, [*names, "rows"])
    if (gate := GateReport.of(model)) is not None:
        print(f"  gate    {gate.verdict}: {gate.summary}")
    print(f"  report  {report or model.path_of(REPORT_FILE)}")


def _data(data: DataSummary) -> str:
    said = f"{data.source}: {data.rows:,} rows, {data.distinct_rows:,} distinct; "
    said += f"{data.train_rows:,} train, {data.validation_rows:,} validation, "
    if data.holdout_rows is None:
        return said + f"{data.test_rows:,} test"
    return said + f"{data.test_rows:,} test (hold-out: {data.holdout_rows:,} rows)"


def _print_table(
    title: str, labels: Sequence[str], rows: Sequence[dict[str, float]], names: Sequence[str]
) -> None:
    width = max(7, len(title), *map(len, labels))
    columns = [max(10, len(name) + 2) for name in names]
    print(f"  {title:<{width}}" + _line(names, columns))
    for label, row in zip(labels, rows, strict=True):
        shown = [metric(name, row.get(name)) for name in names]
        print(f"  {label:<{width}}" + _line(shown, columns))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
