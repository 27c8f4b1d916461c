"""The threads that batches run in when they would hold the event loop up."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread


class Threads:
    """The threads that a service's methods may run in: never more than `count` at once.

    They are AnyIO's, as BentoML's own are: a method may ask the event loop from there.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._running = 0
        self._limiter = anyio.CapacityLimiter(count)

    @property
    def allow_inline(self) -> bool:
        """Whether the event loop's own thread may run a method beside those running."""
        return self._running < self._count

    def run(self, function: Callable[[Any], Any], argument: Any) -> "asyncio.Future[Any]":
        """Runs `function(argument)` in a thread."""
        self._running += 1
        # Whoever no longer waits, at the end of the loop, leaves a batch to itself.
        future = asyncio.ensure_future(
            anyio.to_thread.run_sync(
                function, argument, abandon_on_cancel=True, limiter=self._limiter
            )
        )
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: "asyncio.Future[Any]") -> None:
        self._running -= 1
