"""Processes under measurement: how much CPU time and memory a system takes."""

import contextlib
import time
from collections.abc import Callable

import psutil

from deploy.processes import START_DEADLINE_SECONDS, Child

QUIET_SECONDS = 0.3


class Process(Child):
    """A command under measurement, with all that it starts."""

    def wait_ready(self, is_ready: Callable[[], bool]) -> None:
        """Waits until `is_ready()`, and until all workers have finished starting.

        Raises:
            RuntimeError: The process ended.
            TimeoutError: It was not ready in time.
        """
        self.wait_until(is_ready, START_DEADLINE_SECONDS, "the system was not ready")
        # One ready worker answers for a group of which others may still be loading.
        self.wait_until(self._is_quiet, START_DEADLINE_SECONDS, "the system did not come to rest")

    def _is_quiet(self) -> bool:
        before = self.cpu_seconds()
        time.sleep(QUIET_SECONDS)
        return self.cpu_seconds() - before < 0.1 * QUIET_SECONDS

    def cpu_seconds(self) -> float:
        """CPU time that the process and its descendants have used so far."""
        total = 0.0
        for one in self.family():
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system
        return total

    def resident_bytes(self, of: str = "") -> int:
        """Resident memory of the largest process whose command line contains `of`."""
        sizes = []
        for one in self.family():
            with contextlib.suppress(psutil.Error):
                if of in " ".join(one.cmdline()):
                    sizes.append(int(one.memory_info().rss))
        return max(sizes, default=0)
