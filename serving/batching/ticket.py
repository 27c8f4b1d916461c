"""One request in the batcher, and what bounds it."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from opentelemetry.trace import Span

from serving.batching.computation import Chunk
from serving.batching.weight import weight_of, weights_of

Leaving = Callable[[], Coroutine[Any, Any, None]]
Slice = tuple["Ticket", int, int, int]
"""A request's rows from one position up to another, and their weight."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one batcher."""

    max_batch_rows: int
    max_queue_rows: int
    max_latency: float
    """Seconds from arrival to answer beyond which a request is refused instead of queued."""

    timeout: float
    """Seconds after which a request is given up, whatever has become of it."""


class Ticket:
    """One request in the batcher.

    Args:
        rows: What it asks about.
        future: Gets its answers.
        arrived: When it came (`time.monotonic`).
        leaving: Makes a coroutine that raises once nobody waits for the answers any more.
        span: The caller's span, if it is traced.

    Attributes:
        count: Number of its rows.
        weight: Weight of its rows; see `weight_of`.
        taken: Rows that have gone into batches.
        left: Weight of the others.
        missing: Rows that have no answer yet.
        answers: Answers to its parts, in order, if it was split.
        size: Where the queue has put it.
        watcher: Notices that its caller leaves; None as long as nothing has to be waited for.
    """

    __slots__ = (
        "_leaving",
        "_sums",
        "answers",
        "arrived",
        "count",
        "future",
        "left",
        "missing",
        "rows",
        "size",
        "span",
        "taken",
        "watcher",
        "weight",
    )

    def __init__(
        self,
        rows: Chunk,
        future: "asyncio.Future[Any]",
        arrived: float,
        leaving: Leaving | None = None,
        span: Span | None = None,
    ) -> None:
        self.span = span
        self.rows = rows
        self.weight = self.left = weight_of(rows)
        self.future = future
        self.arrived = arrived
        self.taken = self.size = 0
        self.count = self.missing = len(rows)
        self.answers: list[Sequence[Any]] = []
        self._leaving = leaving
        self.watcher: asyncio.Task[None] | None = None
        self._sums: Sequence[int] | None = None

    def fits(self, rows: int, weight: int) -> bool:
        """Whether what is left of it is within these bounds."""
        return self.left <= weight and self.count - self.taken <= rows

    def cut(self, rows: int, weight: int) -> Slice:
        """Takes its next rows: as many as are within the bounds, and one at least."""
        start, end = self.taken, self.count
        if self._sums is None:
            has_texts = self.weight > end
            self._sums = [0, *accumulate(weights_of(self.rows))] if has_texts else range(end + 1)
        stop = bisect_right(self._sums, self._sums[start] + weight) - 1
        self.taken = stop = max(start + 1, min(stop, start + rows, end))
        part = self._sums[stop] - self._sums[start]
        self.left -= part
        return self, start, stop, part

    def watch(self) -> None:
        """Has it given up when its caller leaves: worth while only if it has to wait."""
        if self._leaving is not None and self.watcher is None and not self.future.done():
            self.watcher = asyncio.ensure_future(self._leaving())
            self.watcher.add_done_callback(self._give_up)

    def reject(self, error: BaseException) -> None:
        """Answers it with an error, if it has no answer yet."""
        if not self.future.done():
            self.future.set_exception(error)

    def _give_up(self, watcher: "asyncio.Task[None]") -> None:
        if not watcher.cancelled() and (error := watcher.exception()):
            self.reject(error)
