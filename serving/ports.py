"""The ports a server listens on: bound before anything else is done."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from errno import EINVAL
from itertools import combinations
from pathlib import Path

from bentoml.exceptions import BentoMLConfigException

from framework.listening import drop_new_connections

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
        by_workers: Whether each worker listens by itself, instead of all at one socket.
    """

    protocol: str
    host: str
    port: int
    remedy: str
    by_workers: bool = False

    def __str__(self) -> str:
        return f"{self.protocol} cannot listen on {address(self.host, self.port)}"

    def bind(self) -> socket.socket:
        """Takes the port, so that nobody else can; and listens, unless the workers do.

        Raises:
            OSError: Nothing can listen there; `strerror` says why.
        """
        if not 0 <= self.port <= _HIGHEST_PORT:
            raise OSError(EINVAL, f"a port is at most {_HIGHEST_PORT}")
        family, kind, _, _, bound = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        )[0]
        held = socket.socket(family, kind)
        try:
            # Connections of a server that has just ended are no obstacle; one that runs is.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(bound)
            if self.by_workers:
                # Bound like this, it lets in the workers' sockets, which have the same option and
                # the same user, and no others: a second server is told by the `bind` above.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            else:
                held.listen()
        except OSError:
            held.close()
            raise
        return held

    def collides_with(self, other: "Listener") -> bool:
        """Whether only one of the two can listen."""
        hosts = {self.host, other.host}
        return self.port == other.port != 0 and (len(hosts) == 1 or bool(hosts & _WILDCARDS))


def bind(listeners: Sequence[Listener]) -> list[socket.socket]:
    """Takes all ports of a server; to be called before anything else is done.

    The workers share a port, and each would fail again and again where another program has it;
    worse, over gRPC a second server of the same user would share it too. And whatever the server
    itself opens without choosing a port could take it, were it not taken.

    Returns:
        The sockets, in order.

    Raises:
        BentoMLConfigException: Somebody listens, or an address is not one of this machine; the
            message names each and what to do.
    """
    problems = [
        f"{listener}, which is {other.protocol}'s: {listener.remedy}"
        for other, listener in combinations(listeners, 2)
        if listener.collides_with(other)
    ]
    held = []
    for listener in listeners if not problems else []:
        try:
            held.append(listener.bind())
        except OSError as error:
            problems.append(f"{listener} ({error.strerror}): {listener.remedy}")
    if problems:
        for one in held:
            one.close()
        raise BentoMLConfigException("; ".join(problems) + ".")
    return held


def unlisten(port: int) -> None:
    """Has nobody connect to a port of this process any more."""
    for one in _sockets(port):
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            drop_new_connections(one)


def disconnect(port: int) -> None:
    """Ends all connections to a port of this process; what was written still goes."""
    for one in _sockets(port):
        if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _sockets(port: int) -> Iterator[socket.socket]:
    for path in Path("/proc/self/fd").iterdir():
        # The descriptor of the listing itself is gone by now; a client may be, too.
        with contextlib.suppress(OSError):
            if not path.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(path.name))) as one:
                if one.family != socket.AF_UNIX and one.getsockname()[1] == port:
                    yield one


def address(host: str, port: int) -> str:
    """Returns host and port as one text, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
