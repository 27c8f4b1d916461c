"""Real servers for tests: started on a free port, awaited by polling, always ended."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from deploy.processes import ROOT, START_DEADLINE_SECONDS, Child, free_port, is_ready


class Server(Child):
    """A running `bentoml serve`, on free ports of the loopback interface.

    Args:
        target: What is served.
        environment: Settings of the server.
        folder: Working directory.
        certificate: Its own, if it is encrypted.
        inside: Makes of its command another one that runs it.

    Attributes:
        url: Where it answers HTTP.
        grpc: Host and port at which it answers gRPC.
    """

    def __init__(
        self,
        target: str,
        environment: Mapping[str, str],
        folder: Path = ROOT,
        certificate: Path | None = None,
        inside: Callable[[list[str]], list[str]] = list,
    ) -> None:
        port, grpc_port = free_port(), free_port()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        self.grpc = f"127.0.0.1:{grpc_port}"
        self._certificate = certificate
        super().__init__(
            inside([sys.executable, "-m", "bentoml", "serve", target, "--port", str(port)]),
            {"MODEL_SERVER_GRPC_PORT": str(grpc_port), **environment},
            folder,
        )

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
        inside: Callable[[list[str]], list[str]] = list,
    ) -> "Iterator[Server]":
        """Starts `bentoml serve TARGET`, waits until it is ready, and ends it afterwards."""
        variables = {
            "MODEL_SERVER_WORKERS": str(workers),
            # A test's server has nobody to turn away before it stops.
            "MODEL_SERVER_DRAIN_SECONDS": "0",
            **(environment or {}),
        }
        with cls(target, variables, folder, certificate, inside) as server:
            server.wait_until_ready()
            yield server

    def wait_until_ready(self) -> None:
        """Waits until `/readyz` answers 200.

        Raises:
            RuntimeError: The server ended.
            TimeoutError: It was not ready in time.
        """
        self.wait_until(
            lambda: is_ready(self.url, self._certificate),
            START_DEADLINE_SECONDS,
            "the server was not ready",
        )
