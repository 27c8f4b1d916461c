"""Large requests are read, and large answers written, in a thread beside the event loop.

In a thread, both still hold Python's lock (GIL), but only for as long as one call of a C library
takes, and Python's own code hands it over every 5 ms. There is one such thread, so that the loop
waits for one of these calls at most, however many large requests have come.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from serving.each_loop import EachLoop
from serving.turn import overloaded, take_time

T = TypeVar("T")

LARGE_BYTES = 256 * 1024
"""What is smaller is read within some milliseconds, whatever is in it."""

SLOW_BYTES = 16 * 1024
"""The same of what pydantic reads by rules that may be functions of the author's."""

MANY_ROWS = 2_000
"""Answers to fewer rows are written within some milliseconds."""

MANY_NESTED_ROWS = 100
"""The same of answers with lists of messages in them, each of which Python makes by itself."""

SLICE_ROWS = 1_000
"""Answers that one call writes: one for all would hold Python's lock for long."""

WAIT_SECONDS = 1.0
"""A body that would wait for longer until it is read is refused."""

WAITING_BYTES = 256 * 1024 * 1024
"""So is one that would make those that wait larger than this."""

_SHARE_OF_NEWEST = 0.2


class _Thread:
    def __init__(self) -> None:
        self._one = anyio.CapacityLimiter(1)
        self._bytes = 0
        self._seconds_per_byte = 0.0

    async def read(self, size: int, read: Callable[[], T]) -> T:
        wait = self._bytes * self._seconds_per_byte
        if self._bytes and (wait > WAIT_SECONDS or self._bytes + size > WAITING_BYTES):
            raise overloaded()
        self._bytes += size
        try:
            return await self.run(partial(self._timed, size, read))
        finally:
            self._bytes -= size

    def _timed(self, size: int, read: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return read()
        finally:
            cost = (time.perf_counter() - started) / size
            self._seconds_per_byte += _SHARE_OF_NEWEST * (cost - self._seconds_per_byte)

    async def run(self, function: Callable[[], T]) -> T:
        found, error = await anyio.to_thread.run_sync(_tried, function, limiter=self._one)
        if error is None:
            return found  # type: ignore[return-value]
        try:
            raise error
        finally:
            # A frame that keeps what has passed through it is a cycle (docs/decisions.md).
            del error


def _tried(function: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Returns a result, or an error: a future that holds one of these is a cycle."""
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        return None, error


_thread = EachLoop(lambda _: _Thread())


async def read_beside(size: int, read: Callable[..., T], *arguments: object) -> T:
    """Returns `read(*arguments)`, which is called in the thread.

    Args:
        size: Bytes that it reads.
        read: Reads them.
        arguments: Its arguments.

    Raises:
        ServingError: `overloaded`: too much waits to be read.
        Exception: What `read` raised.
    """
    return await _thread().read(size, partial(read, *arguments))


async def read_in_turn(size: int, large: int, read: Callable[..., T], *arguments: object) -> T:
    """Returns `read(*arguments)`, called when a turn of the loop has time for it, or beside.

    Args:
        size: Bytes that it reads, `TURN_BYTES` or more.
        large: As many, or more, are read beside the loop.
        read: Reads them.
        arguments: Its arguments.

    Raises:
        ServingError: `overloaded`: too much waits to be read.
        Exception: What `read` raised.
    """
    if size >= large:
        return await read_beside(size, read, *arguments)
    await take_time()
    return read(*arguments)


async def write_beside(write: Callable[..., T], *arguments: object) -> T:
    """Returns `write(*arguments)`, which is called in the thread; what was computed is not refused.

    Args:
        write: Writes an answer.
        arguments: Its arguments.

    Raises:
        Exception: What `write` raised.
    """
    return await _thread().run(partial(write, *arguments))
