"""The adaptive batcher: many callers, one model, batches that grow with the load.

A lone request goes out at once. While a batch runs, arrivals queue, and go out together when it
ends. Nothing polls, and nothing ticks when idle. Everything here runs on one event loop; short
batches run inline, long ones in a thread pool. What waits for more than one batch goes in an order
that is fair to small and large requests (see `serving.batching.queue`).
"""

import asyncio
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from opentelemetry.trace import Span

from serving.batching.admission import Admission
from serving.batching.computation import Chunk, joined_answers
from serving.batching.cost import CostModel
from serving.batching.queue import Queue
from serving.batching.suspects import Suspects
from serving.batching.threads import Threads
from serving.batching.ticket import Leaving, Limits, Slice, Ticket
from serving.batching.timeouts import Timeouts
from serving.counts import BatchMetrics
from serving.errors import Code, ServingError

# A batch up to this long runs inline, on the event loop: handing it to the thread pool and back
# costs more than the others lose by waiting for it (see docs/decisions.md). Large requests are
# split into batches of this length.
INLINE_SECONDS = 0.010
# A request that takes longer than this in all runs in the thread pool even so: many short batches
# hold the loop up as well.
LONG_SECONDS = 0.050
# A batch that runs for so many time-outs, of which its callers waited for one, hangs.
HANGING_TIMEOUTS = 2


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
        cost: What is known of what batches take.

    Attributes:
        require_room: Refuses a large request before it is read; see `Admission.require_room`.
    """

    def __init__(
        self,
        compute: Callable[[list[Chunk]], Any],
        limits: Limits,
        threads: Threads,
        metrics: BatchMetrics,
        *,
        inline: bool = True,
        cost: CostModel | None = None,
    ) -> None:
        # Asking for the loop costs a system call each time, to see whether the process has forked.
        self._loop = asyncio.get_running_loop()
        self._compute = compute
        self._inline = inline and not inspect.iscoroutinefunction(compute)
        self._is_async = inspect.iscoroutinefunction(compute)
        self._limits = limits
        self._threads = threads
        self._metrics = metrics
        self._cost = cost or CostModel()
        self._queue = Queue()
        self._suspects = Suspects()
        self._has_retried = False
        self._running: list[Slice] = []
        self._started: float | None = None
        self._scheduled = False
        self._has_left_some = False
        self._admission = Admission(
            limits, INLINE_SECONDS, self._cost, self._queue, self._suspects, metrics
        )
        self.require_room = self._admission.require_room
        self._timeouts = Timeouts(limits.timeout, self._queue, self._taken)
        metrics.watch_queue(self._queue)

    def successor(self, compute: Callable[[list[Chunk]], Any], metrics: BatchMetrics) -> "Batcher":
        """Makes the batcher of another version of the model, which knows what this one has learnt.

        Args:
            compute: As of a batcher.
            metrics: The same.
        """
        return Batcher(
            compute,
            self._limits,
            self._threads,
            metrics,
            inline=self._inline,
            cost=self._cost.copy(),
        )

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._queue.rows

    @property
    def busy(self) -> bool:
        """Whether a batch is running, so that a new request must wait."""
        return bool(self._running)

    @property
    def hangs(self) -> bool:
        """Whether a batch has been running for so long that it will hardly ever end."""
        if (started := self._started) is None:
            return False
        return time.monotonic() - started > HANGING_TIMEOUTS * self._limits.timeout

    async def submit(
        self, rows: Chunk, leaving: Leaving | None = None, span: Span | None = None
    ) -> Any:
        """Returns the answers for `rows`, in order, as the function gave them.

        A caller that is cancelled, or that leaves, gives up its place: rows not yet in a batch are
        not computed.

        Args:
            rows: Rows.
            leaving: Makes a coroutine that raises once nobody waits for the answers any more. It
                is only asked for if they have to be waited for.
            span: The caller's span, if it is traced.

        Raises:
            ServingError: `overloaded` when the queue is full or the budget cannot be met,
                `deadline_exceeded` after the time-out.
            Exception: Whatever the function raised for these rows, or `leaving` did.
        """
        ticket = self.enter(rows, leaving, span)
        try:
            return await ticket.future
        finally:
            self.leave(ticket)
            # A future that holds an exception whose traceback holds this frame is a cycle.
            del ticket

    def enter(
        self, rows: Chunk, leaving: Leaving | None = None, span: Span | None = None
    ) -> Ticket:
        """Has rows wait for their answers, which their ticket's future gets; see `submit`.

        Whoever enters has to leave (`leave`), once there are answers or nobody wants them.

        Raises:
            ServingError: `overloaded`.
        """
        ticket = Ticket(rows, self._loop.create_future(), time.monotonic(), leaving, span)
        if not ticket.count:
            ticket.future.set_result([])
            return ticket
        self._admission.require_place(ticket, waits=bool(self._running) or self._has_left_some)
        self._queue.add(ticket)
        self._schedule(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Gives up a ticket's place, if it still has one, and watches its caller no more."""
        self._queue.discard(ticket)
        if ticket.watcher is not None:
            ticket.watcher.cancel()

    def _schedule(self, ticket: Ticket) -> None:
        """Has a batch taken once all that has already arrived is queued."""
        if self._running:
            ticket.watch()
            self._timeouts.ensure()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Takes batches until one has rows that somebody waits for, and runs it."""
        self._scheduled = False
        queue, suspects, most_rows = self._queue, self._suspects, self._limits.max_batch_rows
        runs = False
        while not runs and (queue.rows or suspects):
            if suspects and not (self._has_retried and queue.rows):
                self._has_retried = True
                runs = self._run(suspects.take(), is_retry=True)
                continue
            self._has_retried = False
            if queue.rows <= most_rows and self._is_short(queue.weight):
                runs = self._run(queue.take_all(), is_short=True)
            else:
                runs = self._run(queue.take(most_rows, self._cost.most(INLINE_SECONDS)))
        if not runs:
            self._has_left_some = False

    def _run(self, taken: list[Slice], *, is_short: bool = False, is_retry: bool = False) -> bool:
        """Runs what of a batch is still waited for; returns whether there is any."""
        now = time.monotonic()
        batch, chunks, rows, weight = [], [], 0, 0
        for part in taken:
            ticket, start, stop, own = part
            if ticket.future.done():
                continue
            if not start and not is_retry and self._is_late(ticket, now):
                continue
            batch.append(part)
            is_whole = stop - start == ticket.count
            chunks.append(ticket.rows if is_whole else ticket.rows[start:stop])
            rows += stop - start
            weight += own
        if not batch:
            return False
        self._metrics.began(rows, batch)
        self._started = now
        longest = batch[0][0].weight  # Only the first may have been split.
        is_short = is_short or (
            self._is_short(weight) and self._cost.in_batches(longest) <= LONG_SECONDS
        )
        if not (is_short and self._run_inline(batch, chunks, weight, now)):
            self._run_beside(batch, chunks, weight, now, failed_inline=is_short)
        return True

    def _is_late(self, ticket: Ticket, now: float) -> bool:
        """Refuses a request that has waited too long to be begun with."""
        waited = now - ticket.arrived
        self._metrics.queue_wait.observe(waited)
        if waited > self._limits.max_latency:
            ticket.reject(self._admission.refusal("too_late", ticket.weight))
            return True
        return False

    def _is_short(self, weight: int) -> bool:
        """Whether a batch of a weight may run on the loop, and holds it up for a moment only."""
        alone = self._cost.alone(weight)
        is_short = alone is not None and alone <= INLINE_SECONDS
        return is_short and self._inline and self._threads.allow_inline

    def _run_inline(
        self, batch: list[Slice], chunks: list[Chunk], weight: int, started: float
    ) -> bool:
        """Computes a batch here and now; returns whether it is settled.

        It is not where a method may have lacked what it has in a thread: a running loop to ask,
        and none in its way.
        """
        try:
            answers = self._compute(chunks)
        except RuntimeError:
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is its caller's
            self._fail(batch, error)
        else:
            self._cost.observe(weight, time.monotonic() - started, contended=False)
            self._settle(batch, answers)
        first = batch[0][0]
        is_slice = first.taken and first.left
        self._go_on(self._threads.take_turn if is_slice else self._loop.call_soon)
        return True

    def _run_beside(
        self,
        batch: list[Slice],
        chunks: list[Chunk],
        weight: int,
        started: float,
        *,
        failed_inline: bool,
    ) -> None:
        """Starts a batch in a thread, or a coroutine; `ended` takes its outcome."""
        self._running = batch
        self._admission.running_until = started + (self._cost.expected(weight) or 0.0)
        for ticket, *_ in batch:
            ticket.watch()
        self._timeouts.set()
        future: asyncio.Future[Any]
        if self._is_async:
            future = asyncio.ensure_future(self._compute(chunks))
        else:
            future = self._threads.run(self._compute, chunks)

        def ended(done: "asyncio.Future[Any]") -> None:
            self._running, self._admission.running_until = [], 0.0
            if done.cancelled():
                self._fail(batch, ServingError(Code.UNAVAILABLE))
            elif error := done.exception():
                self._fail(batch, cast(Exception, error))
            else:
                # It was the thread that it lacked, and will be.
                self._inline = self._inline and not failed_inline
                self._cost.observe(weight, time.monotonic() - started, contended=True)
                self._settle(batch, done.result())
            self._go_on(self._loop.call_soon)

        future.add_done_callback(ended)

    def _go_on(self, schedule: Callable[[Callable[[], None]], object]) -> None:
        """Has the next batch taken, if rows are left."""
        self._started = None
        self._metrics.ended()
        self._has_left_some = bool(self._queue.rows or self._suspects)
        if not self._has_left_some:
            return
        self._timeouts.ensure()
        if not self._scheduled:
            self._scheduled = True
            schedule(self._dispatch)

    def _settle(self, batch: list[Slice], answers: Sequence[Sequence[Any]]) -> None:
        """Gives every caller its answers."""
        for (ticket, start, stop, _), own in zip(batch, answers, strict=True):
            if ticket.future.done():
                continue
            ticket.missing -= stop - start
            if not start and not ticket.missing:
                ticket.future.set_result(own)
                continue
            ticket.answers.append(own)
            if not ticket.missing:
                self._join(ticket)

    def _join(self, ticket: Ticket) -> None:
        try:
            ticket.future.set_result(joined_answers(ticket.answers))
        except Exception as error:  # noqa: BLE001 - parts that do not go together are the model's
            ticket.reject(error)

    def _fail(self, batch: list[Slice], error: Exception) -> None:
        """Finds the culprit: alone it gets the error, in company both halves are tried again."""
        if len(batch) == 1:
            batch[0][0].reject(error)
        else:
            self._suspects.add(batch)

    def _taken(self) -> list[Ticket]:
        """The requests of which rows run or are to run again."""
        return [*(part[0] for part in self._running), *self._suspects.tickets]
