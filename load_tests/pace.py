"""How fast the machine is at a moment: the cores of a shared one are not always the same."""

import os
import time
from statistics import median

_STEPS = 40_000
_TRIES = 5


def milliseconds() -> float:
    """Time that a fixed piece of work takes now, on the slowest core that may be used.

    The median of some tries on each: what runs on a core for a moment only is not its pace.
    """
    allowed = os.sched_getaffinity(0)
    try:
        return max(_on(core) for core in allowed)
    finally:
        os.sched_setaffinity(0, allowed)


def _on(core: int) -> float:
    os.sched_setaffinity(0, {core})
    return median(_once() for _ in range(_TRIES))


def _once() -> float:
    started = time.perf_counter()
    total = 0
    for step in range(_STEPS):
        total += step * step % 7
    return 1000 * (time.perf_counter() - started)
