"""How long a turn of the event loop lasts: what bounds everybody's wait, that of probes too."""

import asyncio
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from serving.errors import Code, ServingError

TURN_SECONDS = 0.1
"""From then on, a turn reads no more bodies that take their time."""

BUSY_SECONDS = 0.2
"""For so long after such a turn, bodies that have yet to come are refused."""

LARGE_BYTES = 4_096
"""Smaller bodies are read as fast as they are refused."""


@dataclass
class _Turn:
    began: float | None = None
    busy_until: float = 0.0

    def end(self) -> None:
        self.began = None


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turn] = WeakKeyDictionary()


def _turn() -> _Turn:
    return _turns.setdefault(asyncio.get_running_loop(), _Turn())


def require_time(body: bytes) -> None:
    """Refuses a large body that came in the same turn of the loop as too many before it.

    A turn answers all that has come before it looks at the sockets again; in an overload that
    would be seconds.

    Raises:
        ServingError: `overloaded`.
    """
    if len(body) < LARGE_BYTES:
        return
    turn, now = _turn(), time.perf_counter()
    if turn.began is None:
        turn.began = now
        asyncio.get_running_loop().call_soon(turn.end)
    elif now - turn.began > TURN_SECONDS:
        turn.busy_until = now + BUSY_SECONDS
        raise overloaded()


def require_quiet() -> None:
    """Refuses a request of which more has yet to come, if there was too much just now.

    Raises:
        ServingError: `overloaded`.
    """
    if time.perf_counter() < _turn().busy_until:
        raise overloaded()


def overloaded() -> ServingError:
    """Makes the error for what cannot be read now."""
    return ServingError(Code.OVERLOADED, headers=[("retry-after", "1")])
