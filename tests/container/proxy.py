"""A real HAProxy with the configuration that docs/deploy.md recommends."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from deploy.running import GRPC_PORT, HTTP_PORT
from tests.conftest import ROOT
from tests.processes import free_port, is_ready, wait_until

CONFIGURATION = ROOT / "deploy" / "proxy" / "haproxy.cfg"
PLACES = ("blue-1", "blue-2", "green-1", "green-2")


def _free_ports() -> dict[int, int]:
    return {HTTP_PORT: free_port(), GRPC_PORT: free_port()}


@dataclass
class Proxy:
    """One address for HTTP, one for gRPC, and the ports of the places behind them."""

    own: dict[int, int] = field(default_factory=_free_ports)
    places: dict[str, dict[int, int]] = field(
        default_factory=lambda: {place: _free_ports() for place in PLACES}
    )

    @property
    def url(self) -> str:
        """Where it takes HTTP."""
        return f"http://127.0.0.1:{self.own[HTTP_PORT]}"

    @property
    def grpc(self) -> str:
        """Where it takes gRPC."""
        return f"127.0.0.1:{self.own[GRPC_PORT]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Runs HAProxy in the foreground, and ends it."""
        if not (haproxy := shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")):
            pytest.skip("haproxy is not installed")
        process = subprocess.Popen(
            [haproxy, "-db", "-q", "-f", str(CONFIGURATION)],
            env={**os.environ, **self._environment()},
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def wait_until_ready(self) -> None:
        """Waits until a server behind it answers."""
        wait_until(lambda: is_ready(self.url), 10, "the proxy found no server")

    def _environment(self) -> dict[str, str]:
        variables = {"HTTP_BIND": self.own[HTTP_PORT], "GRPC_BIND": self.own[GRPC_PORT]}
        for place, ports in self.places.items():
            name = place.upper().replace("-", "_")
            variables |= {f"{name}_HTTP": ports[HTTP_PORT], f"{name}_GRPC": ports[GRPC_PORT]}
        return {name: f"127.0.0.1:{port}" for name, port in variables.items()}
