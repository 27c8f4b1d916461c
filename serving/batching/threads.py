"""Where batches run: in threads if they would hold the event loop up, else on it in turns."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread

# So many turns of the loop take a request that has arrived during a batch to its batcher's queue,
# and that one's batch out of it.
_TURNS_BETWEEN = 2


class Threads:
    """The threads that a service's methods may run in: never more than `count` at once.

    They are AnyIO's, as BentoML's own are: a method may ask the event loop from there.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._running = 0
        self._limiter = anyio.CapacityLimiter(count)
        self._waiting: deque[Callable[[], None]] = deque()

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

    def take_turn(self, go_on: Callable[[], None]) -> None:
        """Calls a batcher that has rows left, once what has arrived meanwhile had its chance.

        All batchers that have some take turns: the loop computes for one of them at a time.
        """
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            self._pass(_TURNS_BETWEEN)

    def _pass(self, turns: int) -> None:
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._pass, turns - 1)
            return
        go_on = self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._pass, _TURNS_BETWEEN)
        go_on()
