"""The page of a check: what differs, how much, and what the answers were worth."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from framework.evaluation import Plot, pages, plots
from monitoring.drift.verdict import Comparison
from monitoring.observed import Position
from monitoring.performance.measures import OVERALL, Measure
from monitoring.result import Result

TEMPLATE = "report.html.jinja"
MOST_COLUMNS = 12
"""Columns that are drawn, those first that differ most."""

MOST_BARS = 14


def render(result: Result) -> str:
    """Returns the page as HTML, its plots included."""
    window = result.drift.windows[-1] if result.drift.windows else None
    performance = result.performance
    measured = performance.measures if performance else []
    template = pages.environment(Path(__file__).parent).get_template(TEMPLATE)
    return template.render(
        result=result,
        window=window,
        when=_when,
        bars=[(one.column, _bars(one)) for one in window.columns[:MOST_COLUMNS]] if window else [],
        overall=[one for one in measured if one.part == OVERALL],
        judged=[one for one in measured if one.limit is not None],
        intervals=_intervals(measured),
    )


def _bars(one: Comparison) -> str:
    """Draws the bins of a column; of very many categories those with the most rows."""
    counts = list(zip(one.labels, one.reference, one.window, strict=True))
    filled = [line for line in counts if line[1] or line[2]]
    if len(filled) > MOST_BARS:
        filled = sorted(filled, key=lambda line: -line[1] - line[2])[:MOST_BARS]
    labels, reference, window = zip(*filled, strict=True)
    return plots.shares(reference, window, labels)


def _intervals(measured: Sequence[Measure]) -> list[Plot]:
    """Draws each metric that is judged, overall and by slice."""
    found: list[Plot] = []
    for metric in dict.fromkeys(one.metric for one in measured if one.limit is not None):
        parts = [
            (one.part, one.value, one.low, one.high, one.card)
            for one in measured
            if one.metric == metric
            and one.low is not None
            and one.high is not None
            and one.card is not None
        ]
        found.append((metric, plots.intervals(parts, metric)))
    return found


def _when(position: Position) -> str:
    return datetime.fromtimestamp(position.time / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
