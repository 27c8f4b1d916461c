"""A token bucket as one number: the generic cell rate algorithm (GCRA, ITU-T I.371).

A bucket of `burst` rows fills by `rate` rows a second. Of it, the moment is kept at which it will
be full, if nothing more is taken: one of no account is one that is full, and needs no memory.
"""

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """What a bucket allows.

    Attributes:
        rows: Rows a second.
        burst: Rows at once.
    """

    rows: float
    burst: int

    @classmethod
    def of(cls, rows: float | None, burst: int | None) -> "Rate | None":
        """Makes one of settings, if rows are limited; a burst is ten seconds' if not given."""
        if rows is None:
            return None
        return cls(rows, burst or max(1, math.ceil(10 * rows)))


@dataclass(frozen=True, slots=True)
class Grant:
    """What was taken from a bucket.

    Attributes:
        rows: Rows that were; 0 where there were not enough.
        left: Rows that are left now.
        wait: Seconds until there will be as many as there were not; 0 if there were.
    """

    rows: int
    left: int
    wait: float


def take(full_at: float, now: float, rate: Rate, least: int, most: int) -> tuple[float, Grant]:
    """Takes rows from a bucket: as many as there are, but at least so many, or none.

    Args:
        full_at: When it would be full; any moment in the past if it is.
        now: Now, by the same clock, in seconds.
        rate: What the bucket allows.
        least: Rows that are needed; not more than the burst.
        most: Rows that could be used, from `least` on.

    Returns:
        When it will be full, and what was taken.
    """
    begin = max(full_at, now)
    available = rate.burst - (begin - now) * rate.rows
    # What floating point loses of a row, nobody is refused for.
    whole = int(available + 1e-6)
    if whole < least:
        return full_at, Grant(0, whole, (least - available) / rate.rows)
    rows = min(whole, most)
    return begin + rows / rate.rows, Grant(rows, whole - rows, 0.0)


class GoneError(Exception):
    """Where the buckets are cannot be reached."""


class Buckets(Protocol):
    """Where the buckets are."""

    def take(self, name: str, rate: Rate, least: int, most: int) -> Grant:
        """Takes rows from the bucket of a name; see `take`."""
        ...


class OwnBuckets:
    """Buckets of this process alone.

    Args:
        clock: Tells the time in seconds.
    """

    # A name that was made up costs memory until it is full again, as it soon is.
    _MOST = 100_000

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, name: str, rate: Rate, least: int, most: int) -> Grant:
        """See `Buckets`."""
        now = self._clock()
        if len(self._full_at) >= self._MOST and name not in self._full_at:
            self._full_at = {one: at for one, at in self._full_at.items() if at > now}
        self._full_at[name], grant = take(self._full_at.get(name, now), now, rate, least, most)
        return grant


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> float:
        """Returns seconds since some moment."""
        ...
