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
_TAKEN_BYTES = 65_536
_REFUSAL = STATUS_LINE[503] + b"retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Sharing(Protocol):
    """What is known of those who connect."""

    timeout_seconds: float
    """How long a request may take."""

    workers: int
    """Workers that share the socket."""

    probes: Container[str]
    """Paths of probes and metrics, which are answered whatever else is asked."""

    def refused(self) -> None:
        """Counts a connection that is refused unheard; called on the event loop."""


class Acceptor:
    """Accepts what waits at a socket, many connections in one turn of the loop.

    A turn answers all that has come, so only some are opened in each; the others wait in line, up
    to `MOST_WAITING`, and further ones are refused. Who asks for a probe, or nothing yet, does not
    wait. (What is asked cannot be seen through TLS.)

    Args:
        listening: The socket.
        tls: Tells by what the next connection is encrypted, if they are.
        make_protocol: Makes the protocol of a connection.
        sharing: What is known of those who connect.
    """

    def __init__(
        self,
        listening: socket.socket,
        tls: Callable[[], ssl.SSLContext] | None,
        make_protocol: Callable[[], asyncio.Protocol],
        sharing: Sharing,
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
                connected, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError:
                self._loop.remove_reader(self._listening)
                self._loop.call_later(_ACCEPT_AGAIN_SECONDS, self._listen)
                break
            connected.setblocking(False)
            self._line_up(connected)
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

    def _line_up(self, connected: socket.socket) -> None:
        if len(self._line) < OPENED_AT_ONCE:
            self._line.append(connected)
        elif self._is_urgent(connected):
            self._open(connected)
        elif len(self._line) < MOST_WAITING:
            self._line.append(connected)
        else:
            self._refuse(connected)

    def _is_urgent(self, connected: socket.socket) -> bool:
        try:
            start = connected.recv(_PEEKED_BYTES, socket.MSG_PEEK)
        except OSError:
            return True
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

    def _refuse(self, connected: socket.socket) -> None:
        self._sharing.refused()
        with connected, contextlib.suppress(OSError):
            if not self._tls:
                # What is left unread when it is closed would reset it, and lose the answer.
                connected.recv(_TAKEN_BYTES)
                connected.send(_REFUSAL)
                connected.shutdown(socket.SHUT_WR)


def _end(opening: "asyncio.Task[object]") -> None:
    # A failed TLS handshake is its client's affair.
    if not opening.cancelled():
        opening.exception()
