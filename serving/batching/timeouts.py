"""Requests that have waited longer than anybody waits."""

import asyncio
import time
from collections.abc import Callable
from weakref import WeakMethod

from serving.batching.queue import Queue
from serving.batching.ticket import Ticket
from serving.errors import Code, ServingError


class Timeouts:
    """One timer for all requests of a batcher: it goes off when the oldest times out.

    Only what waits for more than one batch on the loop can outlast a time-out: only then is it
    set.

    Args:
        seconds: The time-out.
        queue: Requests that wait.
        taken: Returns those of which rows run, or are to run again; a method of the batcher.
    """

    def __init__(self, seconds: float, queue: Queue, taken: Callable[[], list[Ticket]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._queue = queue
        # Of the batcher that this is part of: once nobody needs that any more it goes at once, and
        # the model with it.
        self._taken_by = WeakMethod(taken)
        self._timer: asyncio.TimerHandle | None = None

    def ensure(self) -> None:
        """Sets the timer, unless it is set for an older request already."""
        if self._timer is None:
            self.set()

    def set(self) -> None:
        """Sets the timer for the oldest request that is still waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        arrivals = [ticket.arrived for ticket in self._taken() if not ticket.future.done()]
        if oldest := self._queue.oldest:
            arrivals.append(oldest.arrived)
        if arrivals:
            delay = min(arrivals) + self._seconds - time.monotonic()
            self._timer = self._loop.call_later(max(0.0, delay), self._give_up)

    def _give_up(self) -> None:
        """Answers every request that has timed out; its place is freed with it."""
        latest = time.monotonic() - self._seconds
        for ticket in [*self._taken(), *self._queue.arrived_until(latest)]:
            if ticket.arrived <= latest:
                ticket.reject(ServingError(Code.DEADLINE_EXCEEDED))
        self._timer = None
        self.set()

    def _taken(self) -> list[Ticket]:
        taken = self._taken_by()
        return [] if taken is None else taken()
