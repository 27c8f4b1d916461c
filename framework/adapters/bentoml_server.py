"""The insides of BentoML that only a worker needs: its application, and what it counts.

Apart from `framework.adapters.bentoml`, because importing the application takes half a second.
"""

from dataclasses import dataclass
from typing import Any

from _bentoml_impl.server.app import ServiceAppFactory
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.server.http.instruments import (
    RunnerTrafficMetricsMiddleware as RequestMetricsMiddleware,
)
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from starlette.applications import Starlette

__all__ = [
    "BentoAppFactory",
    "RequestMetricsMiddleware",
    "RequestSeries",
    "TimeoutMiddleware",
    "duration_buckets",
    "metrics_client",
    "request_series",
]


class BentoAppFactory(ServiceAppFactory):
    """Makes BentoML's application of a service, with the wrapping that `middlewares` names."""

    @property
    def service_instance(self) -> Any:
        """The instance whose methods answer the APIs; None until the application has started."""
        return self._service_instance

    @property
    def batch_size_series(self) -> Any:
        """BentoML's own histogram of batch sizes."""
        return self.adaptive_batch_size_hist


@dataclass(frozen=True)
class RequestSeries:
    """The Prometheus metrics in which BentoML counts requests."""

    in_progress: Any
    total: Any
    last_timestamp: Any
    duration: Any


def request_series() -> RequestSeries:
    """Declares BentoML's own series of requests, as its middleware would at its first request."""
    # Not put before any application: it only knows how the series are declared.
    middleware = RequestMetricsMiddleware(
        Starlette(), namespace=BentoMLContainer.api_server_config.metrics.namespace.get()
    )
    middleware._setup()  # noqa: SLF001
    return RequestSeries(
        in_progress=middleware.metrics_request_in_progress,
        total=middleware.metrics_request_total,
        last_timestamp=middleware.metrics_last_request_timestamp,
        duration=middleware.metrics_request_duration,
    )


def metrics_client() -> Any:
    """Returns the maker of Prometheus metrics that all workers of a service share."""
    return BentoMLContainer.metrics_client.get()


def duration_buckets() -> tuple[float, ...]:
    """Returns the upper bounds, in seconds, of BentoML's histograms of durations."""
    bounds: tuple[float, ...] = BentoMLContainer.duration_buckets.get()
    return bounds
