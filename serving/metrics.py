"""Metrics: counted in plain Python per request, handed to Prometheus a few times a second.

A Prometheus metric that several processes share lives in a memory-mapped file; writing one costs
more than a batched prediction. Each worker therefore counts in lists and adds them up into the
shared files shortly after, and at once when it is asked for `/metrics` itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from bentoml import server_context

from framework.adapters.bentoml_server import (
    BentoAppFactory,
    duration_buckets,
    request_series,
)
from framework.adapters.prometheus import forget_dead_processes
from framework.computation import Computation
from serving.audit import Audit
from serving.champions import pointer
from serving.counts import BatchMetrics, RouteMetrics
from serving.logs import RouteLog
from serving.series import SECONDS, series

if TYPE_CHECKING:
    # Which loads what sends them.
    from serving.tracing import Tracing

FLUSH_SECONDS = 0.5
HTTP, GRPC, CONNECT = "http", "grpc", "connect"
REFUSALS = ("queue_full", "too_late")
SHADOW_OUTCOMES = ("answered", "dropped", "failed")
SWAP_OUTCOMES = ("taken_over", "refused")
# A counter that is born above zero has not risen, as far as Prometheus can tell: those that alerts
# watch are there before they count.
_BORN_STATUSES = (200, 500)


class Metrics:
    """All metrics of one worker: this server's, and BentoML's own series kept true.

    Args:
        factory: Makes BentoML's application; where its metrics are off, nothing is handed on.
        accesses: Whether every request is logged.
        tracing: Makes spans; None where nothing is traced.
        audit: Told of orders and refusals, where there is an audit log.
    """

    def __init__(
        self,
        factory: BentoAppFactory,
        *,
        accesses: bool = False,
        tracing: "Tracing | None" = None,
        audit: Audit | None = None,
    ) -> None:
        self._accesses = accesses
        self._audit = audit
        self.tracing = tracing
        self._enabled = factory.enable_metrics
        if self._enabled:
            self._series = series()
            self._bentoml = request_series()
            self._bentoml_batches = factory.batch_size_series
        # Fine enough for both families.
        self._bounds = sorted({*SECONDS, *duration_buckets()} - {float("inf")})
        self._routes: dict[tuple[str, str, str], RouteMetrics] = {}
        self._batchers: dict[tuple[str, str, str], BatchMetrics] = {}
        self._admitted: dict[str, int] = {}
        self._flush_planned = False
        self._champions: dict[str, str] = {}

    def route(self, template: str, model: str = "", protocol: str = HTTP) -> RouteMetrics:
        """Returns the metrics of a route: its template, the model behind it, the protocol."""
        key = (template, model, protocol)
        if key not in self._routes:
            log = RouteLog(template, model, protocol, accesses=self._accesses, audit=self._audit)
            self._routes[key] = RouteMetrics(self._bounds, self._changed, log, self.tracing)
            if self._enabled:
                for status in _BORN_STATUSES:
                    self._series.requests.labels(template, model, protocol, status)
        return self._routes[key]

    def batcher(self, template: str, model: str, method: str) -> BatchMetrics:
        """Returns the metrics of the batcher behind a route and an API method."""
        if self._enabled:
            for reason in REFUSALS:
                self._series.refusals.labels(template, model, reason)
        begin = partial(self.tracing.begin_batch, template) if self.tracing else None
        return self._batchers.setdefault((template, model, method), BatchMetrics(begin))

    def serves(self, tags: Mapping[str, str], workers: int) -> None:
        """Tells that this worker serves from now on.

        Args:
            tags: Those of its models, by name.
            workers: How many workers there should be.
        """
        if not self._enabled:
            return
        for name, tag in tags.items():
            self.swapped(name, "", tag)
            self._champions[name] = ""
        self._tell_champions()
        self._series.workers.labels(server_context.service_name).set(workers)
        self._series.workers_serving.labels(server_context.service_name).set(1)

    def swapped(self, name: str, before: str, now: str) -> None:
        """Tells that a version of a model serves in place of another.

        Args:
            name: Name of the model.
            before: Tag of the one that serves no more; empty if there was none.
            now: Tag of the one that does; empty if there is none.
        """
        if not self._enabled:
            return
        if before:
            self._series.model_info.labels(name, before).set(0)
        if now:
            self._series.model_info.labels(name, now).set(1)

    def count_callers(self, admitted: dict[str, int]) -> None:
        """Takes the counts of admitted requests by caller, from which it hands on what is new."""
        self._admitted = admitted

    def computed(self, model: str, computation: Computation) -> None:
        """Tells by what a model's scores are computed."""
        if self._enabled and computation.is_compiled is not None:
            self._series.compiled.labels(model=model).set(computation.is_compiled)

    def audit_dropped(self) -> None:
        """Counts a line that did not get into the audit log; in any thread."""
        if self._enabled:
            self._series.audit_dropped.inc()

    def follows(self, name: str) -> None:
        """Tells that a model is taken over without a restart."""
        if self._enabled:
            for outcome in SWAP_OUTCOMES:
                self._series.swaps.labels(name, outcome)

    def tried(self, name: str, outcome: str) -> None:
        """Counts a version that was to be taken over, by one of `SWAP_OUTCOMES`."""
        if self._enabled:
            self._series.swaps.labels(name, outcome).inc()

    def has_shadow(self, tag: str) -> None:
        """Tells that a version answers unseen."""
        if self._enabled:
            for outcome in SHADOW_OUTCOMES:
                self._series.shadow.labels(tag, outcome)

    def shadowed(self, tag: str, outcome: str, count: int = 1) -> None:
        """Counts requests that a shadow was to answer, by one of `SHADOW_OUTCOMES`."""
        if self._enabled:
            self._series.shadow.labels(tag, outcome).inc(count)

    def gather(self) -> None:
        """Brings the shared files up to date, as far as this worker can."""
        self._tell_champions()
        self.flush()
        forget_dead_processes()

    def _tell_champions(self) -> None:
        if not self._enabled:
            return
        champions = pointer().champions()
        for name, before in self._champions.items():
            now = champions.get(name, "")
            if before not in ("", now):
                self._series.champion_info.labels(name, before).set(0)
            if now:
                self._series.champion_info.labels(name, now).set(1)
            self._champions[name] = now

    def _changed(self) -> None:
        if self._enabled and not self._flush_planned:
            self._flush_planned = True
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hands on everything counted since the last time."""
        self._flush_planned = False
        if not self._enabled:
            return
        in_progress: dict[str, int] = defaultdict(int)
        for (template, model, protocol), route in self._routes.items():
            labels = {"route": template, "model": model, "protocol": protocol}
            if protocol != GRPC:
                in_progress[template] += route.in_progress
                self._flush_bentoml(template, route, in_progress[template])
            self._flush_route(labels, route)
        for (template, model, method), batcher in self._batchers.items():
            self._flush_batcher(template, model, method, batcher)
        for caller, count in self._admitted.items():
            self._series.caller_requests.labels(caller=caller).inc(count)
        self._admitted.clear()
        if any(route.in_progress for route in self._routes.values()):
            self._changed()

    def _flush_bentoml(self, template: str, route: RouteMetrics, in_progress: int) -> None:
        """Keeps BentoML's own series, which know HTTP alone."""
        bentoml = self._bentoml
        service = {
            "service_name": server_context.bento_name,
            "service_version": server_context.bento_version,
            "runner_name": server_context.service_name,
        }
        endpoint = {"endpoint": template, **service}
        bentoml.in_progress.labels(**endpoint).set(in_progress)
        for status, histogram in route.by_status.items():
            if count := sum(histogram.counts):
                labels = {**endpoint, "http_response_code": status}
                bentoml.total.labels(**labels).inc(count)
                bentoml.last_timestamp.labels(**service).set_to_current_time()
                histogram.add_to(bentoml.duration.labels(**labels))

    def _flush_route(self, labels: dict[str, str], route: RouteMetrics) -> None:
        for status, histogram in route.by_status.items():
            if count := sum(histogram.counts):
                self._series.requests.labels(**labels, status=status).inc(count)
                histogram.move_to(self._series.seconds.labels(**labels, status=status))

    def _flush_batcher(self, template: str, model: str, method: str, batcher: BatchMetrics) -> None:
        labels = {"route": template, "model": model}
        self._series.queue_rows.labels(**labels).set(batcher.queued_rows)
        batcher.queue_wait.move_to(self._series.queue_wait.labels(**labels))
        if any(batcher.batch_rows.counts):
            self._series.last_batch.labels(model=model).set_to_current_time()
        batcher.batch_rows.move_to(
            self._series.batch_rows.labels(**labels),
            self._bentoml_batches.labels(
                runner_name=server_context.service_name,
                worker_index=server_context.worker_index,
                method_name=method,
                service_version=server_context.bento_version,
                service_name=server_context.bento_name,
            ),
        )
        for reason, count in batcher.refusals.items():
            self._series.refusals.labels(**labels, reason=reason).inc(count)
        batcher.refusals.clear()
