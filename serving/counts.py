"""What is counted in plain Python, of each request and each batch, until it is handed on."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry.trace import Span

from framework.adapters.prometheus import add_observations
from serving.logs import RouteLog
from serving.series import ROWS, SECONDS
from serving.spans import BeginBatch

if TYPE_CHECKING:
    # Which loads what sends them.
    from serving.batching.queue import Queue
    from serving.batching.ticket import Slice
    from serving.tracing import Tracing


class Histogram:
    """Observations by bucket, not yet handed on.

    Args:
        bounds: Upper bounds of the buckets, ascending; a last one, without bound, is implied.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_to(self, child: Any) -> None:
        """Adds the observations to a Prometheus histogram, whose buckets may be coarser."""
        add_observations(child, self.bounds, self.counts, self.total)

    def move_to(self, *children: Any) -> None:
        """Adds the observations to Prometheus histograms and starts again from zero."""
        for child in children:
            self.add_to(child)
        self.counts = [0] * len(self.counts)
        self.total = 0.0


class BatchMetrics:
    """What one batcher reports.

    Args:
        begin_span: Begins the span of a batch, if it has rows of traced requests: of theirs, and
            of how many rows there are in all. None where nothing is traced.
    """

    def __init__(self, begin_span: BeginBatch | None = None) -> None:
        self._begin_span = begin_span
        self._span: Span | None = None
        self.batch_rows = Histogram(ROWS)
        self.queue_wait = Histogram(SECONDS)
        self.refusals: dict[str, int] = defaultdict(int)
        self._queues: WeakSet[Queue] = WeakSet()

    def began(self, rows: int, batch: "Sequence[Slice]") -> None:
        """Counts a batch that is computed from now on.

        Args:
            rows: Its rows.
            batch: The requests that they are of.
        """
        self.batch_rows.observe(rows)
        if self._begin_span is None:
            return
        if traced := [ticket.span for ticket, *_ in batch if ticket.span]:
            self._span = self._begin_span(traced, rows)

    def ended(self) -> None:
        """Ends the span of the batch, if it has one."""
        if self._span is not None:
            self._span.end()
            self._span = None

    def refused(self, reason: str) -> None:
        """Counts a request that was refused unanswered, for one of `REFUSALS`."""
        self.refusals[reason] += 1

    def watch_queue(self, queue: "Queue") -> None:
        """Takes a queue whose rows are to be told of, as long as there is one."""
        self._queues.add(queue)

    @property
    def queued_rows(self) -> int:
        """Rows that wait: those of a version that was replaced, too."""
        return sum(queue.rows for queue in self._queues)


class RouteMetrics:
    """What is counted of the requests to one route, and logged, and traced.

    Args:
        bounds: Upper bounds of the durations' buckets, in seconds.
        changed: Called when something was counted.
        log: What the log says of them.
        tracing: Makes their spans; None where nothing is traced.
    """

    def __init__(
        self,
        bounds: Sequence[float],
        changed: Callable[[], None],
        log: RouteLog,
        tracing: "Tracing | None" = None,
    ) -> None:
        self.log = log
        self.tracing = tracing
        self._bounds = bounds
        self._changed = changed
        self.in_progress = 0
        self.by_status: dict[int, Histogram] = {}

    def started(self) -> None:
        """Counts a request that is under way."""
        self.in_progress += 1

    def ended(self, status: int, seconds: float) -> None:
        """Counts a request that is no longer under way; see `answered`."""
        self.in_progress -= 1
        self.answered(status, seconds)

    def answered(self, status: int, seconds: float) -> None:
        """Counts a request that was answered, or (status 499) whose client had left."""
        histogram = self.by_status.get(status)
        if histogram is None:
            histogram = self.by_status[status] = Histogram(self._bounds)
        histogram.observe(seconds)
        self._changed()
