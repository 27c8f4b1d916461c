"""What checks have found, as metrics for Prometheus."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitoring.result import Drift, Performance, Result

PREFIX = "model_monitor_"
HELP = {
    "last_check_timestamp_seconds": "When the model was last checked.",
    "refused_requests": "Requests without an answer in the time that was looked at.",
    "drift_alarm": "Whether two windows in a row differ from the held-out rows.",
    "drift_suspected": "Whether the last window alone does.",
    "drift_unknown": "Whether there is no verdict.",
    "waiting_records": "New distinct records that are no window yet.",
    "window_records": "Distinct records of the last window.",
    "drift_level": "A column whose p-value is below it differs by more than chance.",
    "drift_p_value": "How often chance alone makes a column differ as much.",
    "drift_psi": "Population stability index of a column; explains, never decides.",
    "drift_jensen_shannon": "Jensen and Shannon's distance of a column; explains, never decides.",
    "unseen_values": "Records of the window whose value no held-out row comes near.",
    "performance_alarm": "Whether a metric is worse than the card's, by more than chance.",
    "label_coverage": "Share of the answered rows that have a label.",
    "label_delay_seconds": "Median time from an answer to its label.",
    "last_label_timestamp_seconds": "Time of the newest label.",
    "performance": "A metric of the labelled rows.",
    "performance_low": "Lower end of its interval.",
    "performance_high": "Upper end of its interval.",
    "performance_card": "The same metric of held-out rows.",
}

Sample = tuple[str, dict[str, str], float | None]
"""Name, labels beside model and version, and the value if there is one."""


class Findings:
    """The last result of each model; a collector of prometheus_client.

    Attributes:
        results: Model → its last result.
        failures: Model → checks that failed.
    """

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.failures: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Gives the metrics; what a model has no value for is left out."""
        families: dict[str, GaugeMetricFamily] = {}
        for result in list(self.results.values()):
            for name, further, value in _samples(result):
                labels = {"model": result.model, "version": result.version, **further}
                if name not in families:
                    families[name] = GaugeMetricFamily(PREFIX + name, HELP[name], labels=[*labels])
                if value is not None:
                    families[name].add_metric([*labels.values()], value)
        yield from families.values()
        failures = CounterMetricFamily(
            f"{PREFIX}check_failures", "Checks that could not be done.", labels=["model"]
        )
        for model, count in list(self.failures.items()):
            failures.add_metric([model], count)
        yield failures


def _samples(result: Result) -> Iterator[Sample]:
    yield "last_check_timestamp_seconds", {}, result.checked_at.timestamp()
    yield "refused_requests", {}, result.refused.requests
    yield from _of_drift(result.drift)
    if result.performance is not None:
        yield from _of_performance(result.performance)


def _of_drift(drift: Drift) -> Iterator[Sample]:
    for state in ("alarm", "suspected", "unknown"):
        yield f"drift_{state}", {}, float(drift.state == state)
    yield "waiting_records", {}, drift.waiting
    if not drift.windows:
        return
    window = drift.windows[-1]
    yield "window_records", {}, window.rows
    yield "drift_level", {}, window.level
    for one in window.columns:
        column = {"column": one.column}
        yield "drift_p_value", column, one.p
        yield "drift_psi", column, one.psi
        yield "drift_jensen_shannon", column, one.jensen_shannon
        yield "unseen_values", column, one.unseen


def _of_performance(performance: Performance) -> Iterator[Sample]:
    newest = performance.newest_label
    yield "performance_alarm", {}, float(bool(performance.worse))
    yield "label_coverage", {}, performance.labelled / max(performance.answered, 1)
    yield "label_delay_seconds", {}, performance.median_delay_seconds
    yield "last_label_timestamp_seconds", {}, newest.timestamp() if newest else None
    for one in performance.measures:
        part = {"metric": one.metric, "part": one.part}
        yield "performance", part, one.value
        yield "performance_low", part, one.low
        yield "performance_high", part, one.high
        yield "performance_card", part, one.card
