"""The threads that batches run in when they would hold the event loop up."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads:
    """The threads that a service's methods may run in: never more than `count` at once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._running = 0
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="batch")

    @property
    def allow_inline(self) -> bool:
        """Whether the event loop's own thread may run a method beside those running."""
        return self._running < self._count

    def run(self, function: Callable[[Any], Any], argument: Any) -> "asyncio.Future[Any]":
        """Runs `function(argument)` in a thread."""
        self._running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, argument)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: "asyncio.Future[Any]") -> None:
        self._running -= 1

    def close(self) -> None:
        """Ends the threads, without waiting for a batch that is still running."""
        self._pool.shutdown(wait=False, cancel_futures=True)
