"""Real servers for tests: started on a free port, awaited by polling, always ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import requests

ROOT = Path(__file__).parent.parent
START_DEADLINE_SECONDS = 60
STOP_DEADLINE_SECONDS = 30
POLL_SECONDS = 0.05


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
            raise TimeoutError(f"{what} within {deadline_seconds} s")
        time.sleep(POLL_SECONDS)


def is_ready(url: str, certificate: Path | None = None) -> bool:
    """Whether `/readyz` answers 200. A server without a worker yet lets the question hang."""
    try:
        verify = str(certificate) if certificate else None
        return requests.get(f"{url}/readyz", timeout=1, verify=verify).ok
    except requests.RequestException:
        return False


@contextlib.contextmanager
def _own_home(environment: Mapping[str, str]) -> Iterator[Path]:
    """A BentoML home for one server, with the stores of the one it would have had.

    A server empties the folder of metrics in its home when it starts, whoever else uses it.
    """
    home = Path({**os.environ, **environment}["BENTOML_HOME"])
    with tempfile.TemporaryDirectory() as own:
        for store in ("models", "bentos"):
            (home / store).mkdir(exist_ok=True)
            (Path(own) / store).symlink_to(home / store)
        yield Path(own)


@dataclass
class Server:
    """A running `bentoml serve`."""

    url: str
    grpc: str
    """Address of its gRPC port."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    certificate: Path | None = None
    """Its own, if it is encrypted."""

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        target: str = "service:ModelServer",
        *,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        certificate: Path | None = None,
    ) -> "Iterator[Server]":
        """Starts `bentoml serve TARGET`, waits until it is ready, and ends it afterwards."""
        port, grpc_port = free_port(), free_port()
        with tempfile.TemporaryFile() as log, _own_home(environment or {}) as home:
            process = subprocess.Popen(
                [sys.executable, "-m", "bentoml", "serve", target, "--port", str(port)],
                cwd=folder,
                env={
                    **os.environ,
                    "MODEL_SERVER_WORKERS": str(workers),
                    # A test's server has nobody to turn away before it stops.
                    "MODEL_SERVER_DRAIN_SECONDS": "0",
                    "MODEL_SERVER_GRPC_PORT": str(grpc_port),
                    "PYTHONPATH": str(ROOT),
                    **(environment or {}),
                    "BENTOML_HOME": str(home),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            scheme = "https" if certificate else "http"
            url, grpc = f"{scheme}://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}"
            server = cls(url, grpc, process, log, certificate)
            try:
                wait_until(server.is_ready_or_dead, START_DEADLINE_SECONDS, "server was not ready")
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended at once:\n{server.output()}")
                yield server
            finally:
                server.stop()

    def is_ready_or_dead(self) -> bool:
        """Whether `/readyz` answers 200, or the process has ended."""
        if self.process.poll() is not None:
            return True
        return is_ready(self.url, self.certificate)

    def output(self) -> str:
        """Everything the server has written so far."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self) -> int:
        """Ends the server and everything it started; returns its exit code."""
        self.process.terminate()
        try:
            self.process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.returncode
