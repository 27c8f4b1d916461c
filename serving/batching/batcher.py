"""The adaptive batcher: many callers, one model, batches that grow with the load.

A lone request goes out at once. While a batch runs, arrivals queue, and go out together when it
ends. Nothing polls, and nothing ticks when idle. Everything here runs on one event loop; short
batches run inline, long ones in a thread pool.
"""

import asyncio
import inspect
import itertools
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from serving.batching.computation import Chunk, joined_answers
from serving.batching.cost import CostModel
from serving.batching.threads import Threads
from serving.batching.ticket import Limits, Slice, Ticket
from serving.errors import Code, ServingError
from serving.metrics import BatchMetrics

# A batch up to this long runs inline, on the event loop: handing it to the thread pool and back
# costs more than the others lose by waiting for it (see docs/decisions.md).
INLINE_SECONDS = 0.010
# Requests are admitted up to this share of their budget: the wait is an estimate, and a request
# admitted at the edge would be refused after all, but late.
ADMITTED_SHARE = 0.8


class Batcher:
    """Joins the rows of concurrent requests into batches for one function.

    Made on the running event loop, to which it belongs.

    Args:
        compute: Takes the chunks of a batch, returns the answers to each; a plain function or a
            coroutine function (see `serving.batching.computation`).
        limits: Bounds on batches, queue and time.
        threads: Where batches run that would hold the event loop up.
        metrics: Told of every batch, wait and refusal.
        inline: Whether short batches may run on the event loop's own thread.
    """

    def __init__(
        self,
        compute: Callable[[list[Chunk]], Any],
        limits: Limits,
        threads: Threads,
        metrics: BatchMetrics,
        *,
        inline: bool = True,
    ) -> None:
        # Asking for the loop costs a system call each time, to see whether the process has forked.
        self._loop = asyncio.get_running_loop()
        self._compute = compute
        self._inline = inline and not inspect.iscoroutinefunction(compute)
        self._is_async = inspect.iscoroutinefunction(compute)
        self._limits = limits
        self._threads = threads
        self._metrics = metrics
        self._cost = CostModel()
        self._queue: OrderedDict[Ticket, None] = OrderedDict()
        self._suspects: deque[Slice] = deque()
        self._running: list[Slice] = []
        self._running_until = 0.0
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self.queued_rows = 0
        metrics.watch_queue(lambda: self.queued_rows)

    @property
    def busy(self) -> bool:
        """Whether a batch is running, so that a new request must wait."""
        return bool(self._running)

    async def submit(self, rows: Chunk) -> Any:
        """Returns the answers for `rows`, in order, as the function gave them.

        A caller that is cancelled gives up its place: rows not yet in a batch are not computed.

        Raises:
            ServingError: `overloaded` when the queue is full or the budget cannot be met,
                `deadline_exceeded` after the time-out.
            Exception: Whatever the function raised for these rows.
        """
        if not len(rows):
            return []
        self._require_place(len(rows))
        ticket: Ticket = Ticket(rows, self._loop.create_future(), time.monotonic())
        self._queue[ticket] = None
        self.queued_rows += len(rows)
        self._schedule()
        try:
            return await ticket.future
        except asyncio.CancelledError:
            self._drop(ticket)
            raise
        finally:
            # A future that holds an exception whose traceback holds this frame is a cycle.
            del ticket

    def expected_seconds(self, rows: int = 0) -> float:
        """Expected time until the queue, and `rows` behind it, would be answered."""
        waiting = max(0.0, self._running_until - time.monotonic()) if self._running else 0.0
        whole, rest = divmod(self.queued_rows + rows, self._limits.max_batch_rows)
        if whole:
            waiting += whole * (self._cost.expected(self._limits.max_batch_rows) or 0.0)
        if rest:
            waiting += self._cost.expected(rest) or 0.0
        return waiting

    def _require_place(self, rows: int) -> None:
        """Refuses rows for which there is no room, or no time."""
        limits = self._limits
        if self.queued_rows + rows > limits.max_queue_rows:
            raise self._refusal("queue_full")
        # When nothing waits, the request goes out at once, however long the model may take.
        busy = self._running or self.queued_rows > limits.max_batch_rows
        if busy and self.expected_seconds(rows) > ADMITTED_SHARE * limits.max_latency:
            raise self._refusal("too_late")

    def _refusal(self, reason: str) -> ServingError:
        self._metrics.refused(reason)
        seconds = max(1, math.ceil(self.expected_seconds()))
        return ServingError(Code.OVERLOADED, headers=[("retry-after", str(seconds))])

    def _schedule(self) -> None:
        """Has a batch taken once all that has already arrived is queued."""
        if self._running:
            if self._timer is None:
                self._watch_timeouts()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        if not (batch := self._take_batch()):
            return
        chunks = [
            ticket.rows[start:stop] if stop - start < len(ticket.rows) else ticket.rows
            for ticket, start, stop in batch
        ]
        rows = sum(stop - start for _, start, stop in batch)
        self._metrics.batch_rows.observe(rows)
        started = time.monotonic()
        alone = self._cost.alone(rows)
        failed_inline = False
        if (
            alone is not None
            and alone <= INLINE_SECONDS
            and self._inline
            and self._threads.allow_inline
        ):
            if self._run_inline(batch, chunks, rows):
                return
            failed_inline = True
        self._running = batch
        self._running_until = started + (self._cost.expected(rows) or 0.0)
        self._watch_timeouts()
        future = self._start(chunks)
        future.add_done_callback(
            lambda done: self._ended(batch, rows, done, started, failed_inline)
        )

    def _run_inline(self, batch: list[Slice], chunks: list[Chunk], rows: int) -> bool:
        """Computes a batch here and now; returns whether it is settled.

        It is not where a method may have lacked what it has in a thread: a running loop to ask,
        and none in its way.
        """
        started = time.monotonic()
        try:
            answers = self._compute(chunks)
        except RuntimeError:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is its caller's
            self._fail(batch, error)
        else:
            self._cost.observe(rows, time.monotonic() - started, contended=False)
            self._settle(batch, answers)
        self._continue()
        return True

    def _start(self, chunks: list[Chunk]) -> "asyncio.Future[Any]":
        if self._is_async:
            computing: asyncio.Future[Any] = asyncio.ensure_future(self._compute(chunks))
            return computing
        return self._threads.run(self._compute, chunks)

    def _ended(
        self,
        batch: list[Slice],
        rows: int,
        done: "asyncio.Future[Any]",
        started: float,
        failed_inline: bool,
    ) -> None:
        """Takes the outcome of a batch that ran beside the loop."""
        self._running = []
        if done.cancelled():
            self._fail(batch, ServingError(Code.UNAVAILABLE))
        elif error := done.exception():
            self._fail(batch, cast(Exception, error))
        else:
            # It was that, and will be.
            self._inline = self._inline and not failed_inline
            self._cost.observe(rows, time.monotonic() - started, contended=True)
            self._settle(batch, done.result())
        self._continue()

    def _continue(self) -> None:
        if self._queue or self._suspects:
            self._schedule()

    def _take_batch(self) -> list[Slice]:
        """Takes rows from the head of the queue, at most a batch full."""
        while self._suspects:
            suspect = self._suspects.popleft()
            if not suspect[0].future.done():
                return [suspect]
        batch: list[Slice] = []
        room = self._limits.max_batch_rows
        now = time.monotonic()
        while self._queue and room:
            ticket = next(iter(self._queue))
            if ticket.future.done():
                self._drop(ticket)
                continue
            waited = now - ticket.arrived
            if not ticket.taken:
                self._metrics.queue_wait.observe(waited)
                if waited > self._limits.max_latency:
                    ticket.future.set_exception(self._refusal("too_late"))
                    self._drop(ticket)
                    continue
            start = ticket.taken
            stop = min(start + room, len(ticket.rows))
            batch.append((ticket, start, stop))
            ticket.taken = stop
            room -= stop - start
            self.queued_rows -= stop - start
            if stop == len(ticket.rows):
                del self._queue[ticket]
        return batch

    def _settle(self, batch: list[Slice], answers: Sequence[Sequence[Any]]) -> None:
        """Gives every caller its answers."""
        for (ticket, start, stop), own in zip(batch, answers, strict=True):
            if ticket.future.done():
                continue
            ticket.missing -= stop - start
            if not start and not ticket.missing:
                ticket.future.set_result(own)
                continue
            ticket.answers.append(own)
            if not ticket.missing:
                ticket.future.set_result(joined_answers(ticket.answers))

    def _fail(self, batch: list[Slice], error: Exception) -> None:
        """Finds the culprit: alone it gets the error, in company each is tried for itself."""
        if len(batch) == 1:
            self._reject(batch[0][0], error)
        else:
            self._suspects.extend(batch)

    def _reject(self, ticket: Ticket, error: Exception) -> None:
        if not ticket.future.done():
            ticket.future.set_exception(error)
        self._drop(ticket)

    def _drop(self, ticket: Ticket) -> None:
        """Frees the place of a request that is not to be computed any further."""
        if ticket in self._queue:
            del self._queue[ticket]
            self.queued_rows -= len(ticket.rows) - ticket.taken

    def _watch_timeouts(self) -> None:
        """Has a look when the oldest request would time out.

        Only a batch beside the loop can outlast a time-out, so only then is there a timer, one
        for all.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken = [ticket for ticket, _, _ in (*self._running, *self._suspects)]
        oldest = next((ticket for ticket in self._queue if not ticket.future.done()), None)
        waiting = [ticket for ticket in taken if not ticket.future.done()]
        arrivals = [ticket.arrived for ticket in (*waiting, *([oldest] if oldest else []))]
        if arrivals:
            delay = min(arrivals) + self._limits.timeout - time.monotonic()
            self._timer = self._loop.call_later(max(0.0, delay), self._give_up)

    def _give_up(self) -> None:
        """Answers every request that has timed out, and frees its place."""
        latest = time.monotonic() - self._limits.timeout
        taken = (ticket for ticket, _, _ in (*self._running, *self._suspects))
        queued = itertools.takewhile(lambda ticket: ticket.arrived <= latest, self._queue)
        for ticket in [*taken, *queued]:
            if ticket.arrived <= latest:
                self._reject(ticket, ServingError(Code.DEADLINE_EXCEEDED))
        self._timer = None
        self._watch_timeouts()
