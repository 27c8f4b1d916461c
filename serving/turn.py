"""How long a turn of the event loop lasts: what bounds everybody's wait, that of probes too."""

import asyncio
import time
from collections.abc import Mapping

from serving.each_loop import EachLoop
from serving.errors import Code, ServingError

TURN_SECONDS = 0.01
"""From then on, a turn of the loop reads no more of the large bodies: they wait for the next."""

MOST_WAITING = 128
"""Large bodies that may wait for a turn; further ones are refused."""

TURN_BYTES = 4_096
"""Smaller bodies are read as fast as they are refused."""


class _Turns:
    """The turns of one event loop, and who waits for one.

    A turn answers all that has come before the loop looks at its sockets again. Once it has read
    large bodies for `TURN_SECONDS`, the next ones wait, first come, first served: whoever comes
    while others wait does, too.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began: float | None = None
        self._ticking = False
        # Those who were woken in vain are before those who have come since.
        self._sooner: list[asyncio.Future[None]] = []
        self._later: list[asyncio.Future[None]] = []
        self.waiting = 0

    def has_time(self) -> bool:
        """Whether this turn may read on."""
        now = time.perf_counter()
        if self._began is None:
            self._began = now
        if not self._ticking:
            self._ticking = True
            self._loop.call_soon(self._tick)
        return now - self._began < TURN_SECONDS

    def _tick(self) -> None:
        self._began = None
        self._ticking = self.waiting > 0
        if self._ticking:
            woken = self._sooner + self._later
            self._sooner, self._later = [], []
            for one in woken:
                if not one.done():
                    one.set_result(None)
            # After all of them.
            self._loop.call_soon(self._tick)

    async def wait(self) -> None:
        """Waits until a turn may read on."""
        if not self.waiting and self.has_time():
            return
        self.waiting += 1
        try:
            await self._place_in(self._later)
            while not self.has_time():
                await self._place_in(self._sooner)
        finally:
            self.waiting -= 1

    def _place_in(self, line: "list[asyncio.Future[None]]") -> "asyncio.Future[None]":
        place = self._loop.create_future()
        line.append(place)
        return place


_turns = EachLoop(_Turns)


async def take_time() -> None:
    """Waits for a turn of the loop that has time for a large body, or for a piece of one."""
    await _turns().wait()


def require_place() -> None:
    """Refuses a large body if too many wait to be read.

    Raises:
        ServingError: `overloaded`.
    """
    if _turns().waiting >= MOST_WAITING:
        raise overloaded()


def may_be_large(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body of a request whose head has come may be a large one."""
    return int(headers.get(b"content-length", TURN_BYTES)) >= TURN_BYTES


def overloaded() -> ServingError:
    """Makes the error for what cannot be read now."""
    return ServingError(Code.OVERLOADED, headers=[("retry-after", "1")])
