"""The insides of BentoML that only a worker needs: its application, and what it counts.

Apart from `framework.adapters.bentoml`, because importing the application takes half a second.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from _bentoml_impl.serde import PickleSerde
from _bentoml_impl.server.app import ServiceAppFactory
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.server.http.instruments import (
    RunnerTrafficMetricsMiddleware as RequestMetricsMiddleware,
)
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from bentoml.exceptions import BentoMLException
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

__all__ = [
    "PICKLE",
    "BentoAppFactory",
    "RequestMetricsMiddleware",
    "RequestSeries",
    "TimeoutMiddleware",
    "duration_buckets",
    "leave_refusals_untold",
    "metric_samples",
    "metrics_client",
    "request_series",
]


PICKLE: bytes = PickleSerde.media_type.encode()
"""Content type in which the services of one Bento ask each other."""


class BentoAppFactory(ServiceAppFactory):
    """Makes BentoML's application of a service, with the wrapping that `middlewares` names."""

    _batch_sizes: ClassVar[Any] = None

    @property
    def service_instance(self) -> Any:
        """The instance whose methods answer the APIs; None until the application has started."""
        return self._service_instance

    async def is_ready(self) -> bool:
        """Whether the service and those it depends on say that they are ready, as `/readyz` asks.

        Raises:
            Exception: Whatever the service's own `__is_ready__` raised.
        """
        try:
            # What it is given, a request, it does not look at.
            await self.readyz(None)
        except HTTPException:
            return False
        return True

    @property
    def batch_size_series(self) -> Any:
        """BentoML's own histogram of batch sizes."""
        return self.adaptive_batch_size_hist

    @property
    def adaptive_batch_size_hist(self) -> Any:
        """The same, declared once in a process, of which BentoML knows one service only."""
        if BentoAppFactory._batch_sizes is None:
            BentoAppFactory._batch_sizes = super().adaptive_batch_size_hist
        return BentoAppFactory._batch_sizes


@dataclass(frozen=True)
class RequestSeries:
    """The Prometheus metrics in which BentoML counts requests."""

    in_progress: Any
    total: Any
    last_timestamp: Any
    duration: Any


def request_series() -> RequestSeries:
    """Returns BentoML's own series of requests, declared as its middleware would."""
    return _request_series(BentoMLContainer.api_server_config.metrics.namespace.get())


@cache
def _request_series(namespace: str) -> RequestSeries:
    # Not put before any application: it only knows how the series are declared.
    middleware = RequestMetricsMiddleware(Starlette(), namespace=namespace)
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


def metric_samples() -> Iterator[Any]:
    """Yields what `/metrics` tells, each sample with `name`, `labels` and `value`."""
    for family in metrics_client().text_string_to_metric_families():
        yield from family.samples


def leave_refusals_untold() -> None:
    """Keeps BentoML from logging a traceback where a service refuses to be made.

    Whoever makes the service is told by the exception.
    """
    logging.getLogger("bentoml.serve").addFilter(_is_no_refusal)


def _is_no_refusal(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], BentoMLException)


def duration_buckets() -> tuple[float, ...]:
    """Returns the upper bounds, in seconds, of BentoML's histograms of durations."""
    bounds: tuple[float, ...] = BentoMLContainer.duration_buckets.get()
    return bounds


def write_access_log_in_lines() -> None:
    """Keeps what clients put into paths from ending or colouring a line of the access log."""
    logging.getLogger("bentoml.access").addFilter(_escaped)


def _escaped(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            one.encode("unicode_escape").decode()
            if isinstance(one, str) and not one.isprintable()
            else one
            for one in record.args
        )
    return True
