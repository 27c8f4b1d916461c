"""prometheus_client's insides: many observations at once, and the files of its processes.

Nothing is imported from it at the top: at its import it decides, once and for all, whether several
processes share their metrics, and BentoML sets what it goes by only later.
"""

import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil


def add_observations(
    histogram: Any, bounds: Sequence[float], counts: Sequence[int], total: float
) -> None:
    """Adds many observations to a Prometheus histogram, for which it has no public way.

    A histogram with coarser buckets gets the counts of all the finer ones within each.

    Args:
        histogram: The histogram, or a child of it by its labels.
        bounds: Upper bounds of the buckets of `counts`, ascending, but for the last one's.
        counts: How many of the observations are in each bucket, not cumulated.
        total: Their sum.
    """
    known, buckets = histogram._upper_bounds, histogram._buckets  # noqa: SLF001
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        if count:
            buckets[bisect_left(known, bound)].inc(count)
    histogram._sum.inc(total)  # noqa: SLF001


def allocate_shared_files() -> None:
    """Makes sure that a full disk cannot end this process, where several share their metrics.

    To be called before any metric is declared.
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from framework.adapters.prometheus_files import use_allocated_files

        use_allocated_files()


def forget_dead_processes() -> None:
    """Removes the gauges of processes that ended without doing so themselves (SIGKILL)."""
    from prometheus_client.multiprocess import mark_process_dead

    for path in Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull)).glob("gauge_live*.db"):
        owner = re.search(r"_(\d+)\.db$", path.name)
        if owner and not _lives(int(owner[1])):
            mark_process_dead(int(owner[1]))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    # In a container BentoML leaves a worker that was killed to be a zombie.
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
