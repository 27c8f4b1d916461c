"""The ports a server listens on: found taken before anything else is done."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bentoml.exceptions import BentoMLConfigException

_HIGHEST_PORT = 65_535
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


@dataclass(frozen=True)
class Listener:
    """What a server is about to listen on.

    Attributes:
        protocol: For messages.
        host: Name or address of this machine.
        port: Port; 0 takes any that is free.
        remedy: What to do where the port is taken.
    """

    protocol: str
    host: str
    port: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.protocol} cannot listen on {address(self.host, self.port)}"

    def problem(self) -> str:
        """Says why nothing can listen there; empty if something can."""
        if not 0 <= self.port <= _HIGHEST_PORT:
            return f"{self}: a port is at most {_HIGHEST_PORT}"
        try:
            family, kind, _, _, bound = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            with socket.socket(family, kind) as probe:
                # Connections of a server that has just ended are no obstacle; one that runs is.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(bound)
        except OSError as error:
            return f"{self} ({error.strerror}): {self.remedy}"
        return ""

    def collides_with(self, other: "Listener") -> bool:
        """Whether only one of the two can listen."""
        hosts = {self.host, other.host}
        return self.port == other.port != 0 and (len(hosts) == 1 or bool(hosts & _WILDCARDS))


def require_free_ports(listeners: Sequence[Listener]) -> None:
    """Makes sure that a server can listen; to be called before there are workers.

    The workers share a port, and each would fail again and again where another program has it;
    worse, over gRPC a second server of the same user would share it too.

    Raises:
        BentoMLConfigException: Somebody listens, or an address is not one of this machine; the
            message names each and what to do.
    """
    problems = [problem for listener in listeners if (problem := listener.problem())]
    problems += [
        f"{listener}, which is {other.protocol}'s: {listener.remedy}"
        for other, listener in combinations(listeners, 2)
        if listener.collides_with(other)
    ]
    if problems:
        raise BentoMLConfigException("; ".join(problems) + ".")


def address(host: str, port: int) -> str:
    """Returns host and port as one text, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
