"""Starting what runs on this machine, awaiting it by polling, and always ending it."""

import contextlib
import http.client
import itertools
import os
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

import psutil

ROOT = Path(__file__).parent.parent
START_DEADLINE_SECONDS = 90
STOP_DEADLINE_SECONDS = 30
POLL_SECONDS = 0.05
_SHOWN_OUTPUT = 4_000
"""Characters of a child's output in the message of an error."""
_PORTS = itertools.cycle(random.sample(range(12_000, 32_000), 20_000))
"""In an order of this process's own: others look for ports at the same time."""


def free_port() -> int:
    """Returns a TCP port that nothing listens on.

    It lies below the ports that Linux itself gives out (`ip_local_port_range`), and is named once:
    nobody else gets it before the caller takes it.
    """
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def wait_until(condition: Callable[[], bool], deadline_seconds: float, what: str) -> None:
    """Polls `condition()` until it is true.

    Args:
        condition: What to wait for.
        deadline_seconds: For how long.
        what: What was wrong if it never came true, such as "the server was not ready".

    Raises:
        TimeoutError: It was not true before the deadline.
    """
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {deadline_seconds} s")
        time.sleep(POLL_SECONDS)


def is_ready(url: str, certificate: Path | None = None) -> bool:
    """Whether `/readyz` answers 200. A server without a worker yet lets the question hang.

    Args:
        url: Of the server.
        certificate: Its own, if it is encrypted.
    """
    trusting = ssl.create_default_context(cafile=certificate) if certificate else None
    try:
        with urllib.request.urlopen(  # noqa: S310 (always http or https)
            f"{url}/readyz", timeout=1, context=trusting
        ) as response:
            return bool(response.status == http.HTTPStatus.OK)
    except (OSError, http.client.HTTPException):
        return False


def wait_until_ready(url: str, what: str) -> None:
    """Polls `/readyz` until it answers 200.

    Raises:
        TimeoutError: It did not in time; `what` names the server in the message.
    """
    wait_until(lambda: is_ready(url), START_DEADLINE_SECONDS, f"{what} was not ready")


class Child:
    """A command in a process group of its own, ended together with all that it started.

    As a context manager it is stopped at the end of the block.

    Args:
        command: Program and arguments.
        environment: Added to this process's own.
        folder: Working directory.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `wait`)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._leader = psutil.Process(self.process.pid)
        self._known = {self._leader}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants, also those that made a session of their own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            # A new set: another thread may be going through the old one.
            self._known = self._known.union(self._leader.children(recursive=True))
        return [one for one in self._known if one.is_running()]

    def output(self) -> str:
        """Everything written so far, standard output and standard error."""
        # The child writes at the same offset of the same file: reading must not move it.
        descriptor = self._log.fileno()
        written = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        return written.decode(errors="replace")

    def require_running(self) -> None:
        """Raises a `RuntimeError` with the last output if the process has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(
                f"the process ended with {self.process.returncode}:\n{self._last_output()}"
            )

    def wait_until(self, condition: Callable[[], bool], deadline_seconds: float, what: str) -> None:
        """Polls `condition()` until it is true, as long as the process runs.

        Raises:
            RuntimeError: The process ended.
            TimeoutError: It was not true before the deadline; the message holds the last output.
        """

        def holds() -> bool:
            self.require_running()
            return condition()

        try:
            wait_until(holds, deadline_seconds, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{self._last_output()}") from None

    def terminate(self) -> None:
        """Asks the process to end; `wait` makes sure."""
        self.family()
        if self.process.poll() is None:
            self.process.terminate()

    def wait(self) -> int:
        """Waits for the end, kills whatever is left of the family, and returns the exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_DEADLINE_SECONDS)
        for one in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        # What was started after the family was last looked at is in the group at least.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        exit_code = self.process.wait(STOP_DEADLINE_SECONDS)
        self._log.close()
        return exit_code

    def stop(self) -> int:
        """Ends the process and everything it started; returns its exit code."""
        self.terminate()
        return self.wait()

    def _last_output(self) -> str:
        return self.output()[-_SHOWN_OUTPUT:]
