"""What only a server's own process can tell and do, at the wish of the tests that watch it.

A task on its event loop ticks, and measures each turn between two ticks in CPU time of the whole
process: work of a thread that keeps Python's lock holds the loop as well as its own does, and the
load of other processes makes no turn longer.
"""

import asyncio
import mmap
import time
from collections.abc import Callable
from pathlib import Path

from serving.lifecycle import return_memory

LONG_SECONDS = 0.1
"""A turn that takes more CPU time keeps everybody else waiting for too long."""

FILE_VARIABLE = "TOY_PROBE"
"""Where the environment names the file that both sides share."""

_TICK_SECONDS = 0.001
_DEADLINE_SECONDS = 10
# What the file holds: how often the loop ticked, how many turns were long, how long the last of
# these was, and how often memory was to be given back, and was.
_TICKS, _LONG, _LAST, _WANTED, _DONE = range(5)
_BYTES = 8 * 5


def _shared(file: Path) -> "memoryview[float]":
    with file.open("r+b") as opened:
        return memoryview(mmap.mmap(opened.fileno(), _BYTES)).cast("d")


async def tick(file: Path) -> None:
    """Measures the turns of the running loop, for ever.

    Args:
        file: Of a `Probe`.
    """
    told = _shared(file)
    before = time.process_time()
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        now = time.process_time()
        if now - before > LONG_SECONDS:
            told[_LAST] = now - before
            told[_LONG] += 1
        told[_TICKS] += 1
        if told[_DONE] < told[_WANTED]:
            return_memory()
            told[_DONE] = told[_WANTED]
        before = time.process_time()


class Probe:
    """The tests' side.

    Args:
        file: What both sides share; the server's environment names it.
    """

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(_BYTES))
        self._told = _shared(file)
        self._seen = 0.0

    def longest_turn(self) -> float:
        """Returns the seconds of the last long turn since this was asked before, or 0.

        It waits for the end of the turn under way, and so for whatever follows an answer in it.
        """
        ticks = self._told[_TICKS]
        self._wait(lambda: self._told[_TICKS] >= ticks + 2)
        long = self._told[_LONG]
        found = self._told[_LAST] if long > self._seen else 0.0
        self._seen = long
        return found

    def return_memory(self) -> None:
        """Has the server give back what it has freed, which a request would take unseen."""
        self._told[_WANTED] += 1
        self._wait(lambda: self._told[_DONE] == self._told[_WANTED])

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the event loop does not tick"
            time.sleep(_TICK_SECONDS)
