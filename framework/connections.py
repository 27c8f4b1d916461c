"""What is allowed of the connections to a worker, and how many are open."""

import socket
import weakref
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds on the connections of a worker.

    Attributes:
        most: Connections that may be open.
        most_of_one: Connections from one address that may be open; 0 is no limit.
        idle_seconds: How long one may wait for its next request.
        head_bytes: Bytes that a request's head may have after the packet that it began in.
    """

    most: int = 10_000
    most_of_one: int = 0
    idle_seconds: float = 5.0
    head_bytes: int = 65_536


class OpenConnections:
    """Counts the connections that are open, all of them and by address.

    One is open as long as its socket is: whatever protocol it speaks, also while TLS or a place in
    line is waited for.

    Attributes:
        total: How many there are.
    """

    def __init__(self) -> None:
        self.total = 0
        self._by_host: Counter[str] = Counter()

    def of(self, host: str) -> int:
        """Returns how many are open from a host."""
        return self._by_host[host]

    def counted(self, accepted: socket.socket, host: str) -> socket.socket:
        """Returns the socket of a connection from a host, which is counted until it is closed."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        counted = _CountedSocket(family, kind, protocol, fileno=accepted.detach())
        self.total += 1
        self._by_host[host] += 1
        counted.on_gone = weakref.finalize(counted, self._gone, host)
        counted.on_gone.atexit = False
        return counted

    def _gone(self, host: str) -> None:
        self.total -= 1
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]


class _CountedSocket(socket.socket):
    """A socket that tells, once, when it is closed.

    That it is collected does not do: after a failed TLS handshake it is part of a cycle.
    """

    on_gone: "weakref.finalize[[str], _CountedSocket]"

    def close(self) -> None:
        """Closes it, as asyncio does."""
        super().close()
        self.on_gone()

    def detach(self) -> int:
        """Leaves its descriptor to whoever closes that, as uvloop does."""
        self.on_gone()
        return super().detach()
