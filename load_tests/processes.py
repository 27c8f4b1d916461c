"""Processes under measurement: a group of their own, awaited by polling, always ended."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).parent.parent
START_DEADLINE_SECONDS = 90
STOP_DEADLINE_SECONDS = 20
POLL_SECONDS = 0.05
QUIET_SECONDS = 0.3


def free_port() -> int:
    """Returns a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], deadline_seconds: float, what: str) -> None:
    """Polls `condition()` until it is true.

    Raises:
        TimeoutError: It was not true before the deadline.
    """
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {deadline_seconds} s")
        time.sleep(POLL_SECONDS)


class Process:
    """A command that runs in a process group of its own, with all that it starts.

    Args:
        command: Program and arguments.
        environment: Added to this process's own.
        folder: Working directory.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT
    ) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `wait`
        self._started = subprocess.Popen(  # noqa: S603 - the commands are this package's own
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._known: dict[int, psutil.Process] = {}

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants, also those that made a session of their own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._started.pid)
            for one in [parent, *parent.children(recursive=True)]:
                self._known[one.pid] = one
        return [one for one in self._known.values() if one.is_running()]

    def require_running(self) -> None:
        """Raises a `RuntimeError` with the output if the process has ended."""
        if self._started.poll() is not None:
            raise RuntimeError(
                f"the process ended with {self._started.returncode}:\n{self.output()[-4000:]}"
            )

    def wait_ready(self, is_ready: Callable[[], bool]) -> None:
        """Waits until `is_ready()`, and until all workers have finished starting.

        Raises:
            RuntimeError: The process ended.
            TimeoutError: It was not ready in time.
        """

        def ready() -> bool:
            self.require_running()
            return is_ready()

        wait_until(ready, START_DEADLINE_SECONDS, "ready")
        # One ready worker answers for a group of which others may still be loading.
        wait_until(self._is_quiet, START_DEADLINE_SECONDS, "quiet after its start")

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

    def output(self) -> str:
        """Everything the process has written so far."""
        self._log.flush()
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")

    def terminate(self) -> None:
        """Asks the process to end; `wait` makes sure."""
        self.family()
        if self._started.poll() is None:
            self._started.terminate()

    def wait(self) -> None:
        """Waits for the end, and ends by force whatever is left of the family."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started.wait(STOP_DEADLINE_SECONDS)
        self._signal(signal.SIGKILL)
        self._started.wait(STOP_DEADLINE_SECONDS)
        self._log.close()

    def _signal(self, number: signal.Signals) -> None:
        for one in self.family():
            with contextlib.suppress(psutil.Error):
                one.send_signal(number)
