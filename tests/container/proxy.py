"""A real HAProxy with the configuration that docs/deploy.md recommends."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.processes import ROOT, Child, free_port, wait_until_ready
from deploy.running import GRPC_PORT, HTTP_PORT
from tests.tools import require_tool

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
        command = [require_tool("haproxy"), "-db", "-q", "-f", str(CONFIGURATION)]
        with Child(command, self._environment()):
            yield

    def wait_until_ready(self) -> None:
        """Waits until a server behind it answers."""
        wait_until_ready(self.url, "a server behind the proxy")

    def _environment(self) -> dict[str, str]:
        variables = {"HTTP_BIND": self.own[HTTP_PORT], "GRPC_BIND": self.own[GRPC_PORT]}
        for place, ports in self.places.items():
            name = place.upper().replace("-", "_")
            variables |= {f"{name}_HTTP": ports[HTTP_PORT], f"{name}_GRPC": ports[GRPC_PORT]}
        return {name: f"127.0.0.1:{port}" for name, port in variables.items()}
