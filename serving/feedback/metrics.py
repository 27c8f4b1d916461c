"""Metrics of labels: how many were taken, how many refused."""

from collections.abc import Iterable
from functools import cache

from framework.adapters.bentoml_server import metrics_client
from serving.series import NAMESPACE


class _Series:
    def __init__(self) -> None:
        client = metrics_client()
        self.accepted = client.Counter(
            f"{NAMESPACE}_labels_accepted", "Labels written to the record.", ["model"]
        )
        self.refused = client.Counter(
            f"{NAMESPACE}_labels_refused", "Labels that were wrong, or could not be written."
        )


_series = cache(_Series)


class LabelMetrics:
    """Counts the labels of some models.

    Args:
        models: Names of the models.
        enabled: Whether there is anybody to count for.
    """

    def __init__(self, models: Iterable[str], *, enabled: bool) -> None:
        self._enabled = enabled
        if enabled:
            for model in models:
                # A series that begins above zero is no increase to Prometheus.
                _series().accepted.labels(model)

    def accepted(self, model: str, count: int) -> None:
        """Counts labels that were written."""
        if self._enabled:
            _series().accepted.labels(model).inc(count)

    def refused(self, count: int) -> None:
        """Counts labels that are wrong, or could not be written."""
        if self._enabled:
            _series().refused.inc(count)
