"""Uvicorn's insides: connections accepted in bulk, probes ahead of all others."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Container
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from framework.connections import ConnectionLimits, OpenConnections

MOST_WAITING = 1_024
"""Connections that may wait to be opened: what a worker answers in about a second."""

OPENED_AT_ONCE = 16
"""Connections that are opened in one turn of the loop."""

_ACCEPTED_AT_ONCE = 512
# Without descriptors, accepting fails at once, and would again.
_ACCEPT_AGAIN_SECONDS = 0.1
# Where struct tcp_info of a listening socket has the length of its queue.
_QUEUE_LENGTH, _TCP_INFO_BYTES = 24, 104
_PEEKED_BYTES = 256
# Beyond the connections that may be open: how long, and how many, may take to say that they probe.
_UNHEARD_SECONDS, _MOST_UNHEARD = 0.5, 64
_TAKEN_BYTES = 65_536
_REFUSAL = b"retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_MANY_OF_ONE, _TOO_MANY = 429, 503


class Sharing(Protocol):
    """What is known of those who connect."""

    timeout_seconds: float
    """How long a request may take."""

    workers: int
    """Workers that share the socket."""

    probes: Container[str]
    """Paths of probes and metrics, which are answered whatever else is asked."""

    limits: ConnectionLimits
    """Bounds on connections."""

    def refused(self, status: int) -> None:
        """Counts a connection that is refused unheard; called on the event loop."""


class Acceptor:
    """Accepts what waits at a socket, many connections in one turn of the loop.

    A turn answers all that has come, so only some are opened in each; the others wait in line, up
    to `MOST_WAITING`, and further ones are refused. Who asks for a probe, or nothing yet, does not
    wait. (What is asked cannot be seen through TLS.) Where as many are open as may be, only those
    who ask for a probe at once are let in; where one address has as many as it may, none of it.

    Args:
        listening: The socket.
        tls: Tells by what the next connection is encrypted, if they are.
        make_protocol: Makes the protocol of a connection.
        sharing: What is known of those who connect.
        are_open: Counts the connections of all sockets of the worker.
    """

    def __init__(
        self,
        listening: socket.socket,
        tls: Callable[[], ssl.SSLContext] | None,
        make_protocol: Callable[[], asyncio.Protocol],
        sharing: Sharing,
        are_open: OpenConnections,
    ) -> None:
        self._listening = listening
        self._make_protocol = make_protocol
        self._sharing = sharing
        self._probes = sharing.probes
        self._tls = tls
        # A client has no longer for its handshake than for its request.
        self._handshake_seconds = sharing.timeout_seconds if self._tls else None
        self._loop = asyncio.get_running_loop()
        self._line: deque[socket.socket] = deque()
        self._unheard: dict[socket.socket, asyncio.TimerHandle] = {}
        self._limits = sharing.limits
        self._are_open = are_open
        self._closed = False
        listening.setblocking(False)
        self._listen()

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Leaves what comes to others; the line is opened all the same."""
        self._closed = True
        self._loop.remove_reader(self._listening)

    def end(self) -> int:
        """Accepts no more, and opens the line at once; returns how many were in it."""
        self.close()
        waiting = len(self._line)
        while self._line:
            self._open(self._line.popleft())
        return waiting

    def _accept(self) -> None:
        was_empty = not self._line
        for _ in range(self._share()):
            try:
                connected, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError:
                self._loop.remove_reader(self._listening)
                self._loop.call_later(_ACCEPT_AGAIN_SECONDS, self._listen)
                break
            connected.setblocking(False)
            # A socket of this machine's own has a path or nothing for an address.
            self._line_up(connected, address[0] if isinstance(address, tuple) else "")
        if was_empty:
            self._open_some()

    def _share(self) -> int:
        """How many to accept: as many as there are, but leaving the other workers theirs."""
        workers = self._sharing.workers
        if workers == 1 or self._listening.family == socket.AF_UNIX:
            return _ACCEPTED_AT_ONCE
        info = self._listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        (waiting,) = struct.unpack_from("I", info, _QUEUE_LENGTH)
        return min(_ACCEPTED_AT_ONCE, -(-waiting // workers) or 1)

    def _line_up(self, connected: socket.socket, host: str) -> None:
        limits, are_open = self._limits, self._are_open
        if limits.most_of_one and are_open.of(host) >= limits.most_of_one:
            self._refuse(connected, _TOO_MANY_OF_ONE)
            return
        is_beyond = are_open.total >= limits.most
        connected = are_open.counted(connected, host)
        if is_beyond:
            self._let_in_a_probe(connected)
        elif len(self._line) < OPENED_AT_ONCE:
            self._line.append(connected)
        elif self._asks_probe(connected) is not False:
            self._open(connected)
        elif len(self._line) < MOST_WAITING:
            self._line.append(connected)
        else:
            self._refuse(connected, _TOO_MANY)

    def _let_in_a_probe(self, connected: socket.socket) -> None:
        """Opens or refuses a connection beyond those that may be open, by what it asks for."""
        if self._asks_probe(connected) is None and len(self._unheard) < _MOST_UNHEARD:
            # What it asks comes a moment after it has connected.
            timer = self._loop.call_later(_UNHEARD_SECONDS, self._hear, connected)
            self._unheard[connected] = timer
            self._loop.add_reader(connected, self._hear, connected)
        else:
            self._decide(connected)

    def _hear(self, connected: socket.socket) -> None:
        self._loop.remove_reader(connected)
        self._unheard.pop(connected).cancel()
        self._decide(connected)

    def _decide(self, connected: socket.socket) -> None:
        if self._asks_probe(connected):
            self._open(connected)
        else:
            self._refuse(connected, _TOO_MANY)

    def _asks_probe(self, connected: socket.socket) -> bool | None:
        """Whether a probe is asked for; None as long as nothing is."""
        try:
            start = connected.recv(_PEEKED_BYTES, socket.MSG_PEEK)
        except OSError:
            return None
        method, _, rest = start.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        return method in (b"GET", b"HEAD") and path.decode("latin-1") in self._probes

    def _open_some(self) -> None:
        for _ in range(min(OPENED_AT_ONCE, len(self._line))):
            self._open(self._line.popleft())
        if self._line:
            self._loop.call_soon(self._open_some)

    def _open(self, connected: socket.socket) -> None:
        opening = self._loop.connect_accepted_socket(
            self._make_protocol,
            connected,
            ssl=self._tls() if self._tls else None,
            ssl_handshake_timeout=self._handshake_seconds,
        )
        self._loop.create_task(opening).add_done_callback(_end)

    def _refuse(self, connected: socket.socket, status: int) -> None:
        self._sharing.refused(status)
        with connected, contextlib.suppress(OSError):
            if not self._tls:
                # What is left unread when it is closed would reset it, and lose the answer.
                connected.recv(_TAKEN_BYTES)
                connected.send(STATUS_LINE[status] + _REFUSAL)
                connected.shutdown(socket.SHUT_WR)


def _end(opening: "asyncio.Task[object]") -> None:
    # A failed TLS handshake is its client's affair.
    if not opening.cancelled():
        opening.exception()
