"""The open-loop generator: requests at a fixed rate, whether or not the earlier ones are answered.

Every latency is counted from the moment the request was due, so a server that stalls is charged
for all that should have been sent meanwhile (no coordinated omission). Requests due are sent once
a millisecond at least, because that is how finely `epoll` counts.

All connections are opened before the clock starts, and take turns. Opened when the first stall
asks for them, they would add to it: libuv accepts one in each turn of the server's loop.
"""

import gc
import multiprocessing
import re
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

TICK_SECONDS = 0.001
# Servers close a connection that was idle for 5 s; one idle for longer than this is not used.
IDLE_SECONDS = 3.0
CONNECT_SECONDS = 5.0
RECEIVE_BYTES = 65_536
# After the last request was due, how long answers are waited for.
PATIENCE_SECONDS = 30.0
LOST = 0
"""Status of a request whose connection was lost, or that was never answered."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:", re.IGNORECASE)


class Answer(NamedTuple):
    """What became of one request."""

    due: float
    """Seconds from the start of the run at which it was to be sent."""

    seconds: float
    """From then until the whole answer had arrived."""

    status: int
    retry_after: bool


@dataclass
class Opened:
    """What an open-loop run saw."""

    rate: float
    seconds: float
    answers: list[Answer] = field(default_factory=list)
    most_waiting: int = 0
    """Most requests that were due and had no free connection."""

    def latencies(self, status: int) -> list[float]:
        """Seconds of all answers with a status."""
        return [one.seconds for one in self.answers if one.status == status]

    def count(self, status: int) -> int:
        """Number of answers with a status."""
        return sum(one.status == status for one in self.answers)

    def statuses(self) -> dict[str, int]:
        """Status → number of answers."""
        names = sorted({one.status for one in self.answers})
        return {str(name) if name else "lost": self.count(name) for name in names}


def render(url: str, bodies: Sequence[bytes]) -> list[bytes]:
    """Writes the HTTP requests that post the bodies to a URL."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: "
    return [head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies]


class _Connection:
    """One connection, with one request under way at most."""

    __slots__ = ("due", "last_used", "received", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, CONNECT_SECONDS)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.due: float | None = None
        self.last_used = 0.0

    def answer(self) -> tuple[int, bool] | None:
        """Takes what has arrived; returns status and `Retry-After` of a whole answer.

        Raises:
            ConnectionError: The server has closed the connection.
        """
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError
        data = self.received + data
        end = data.find(b"\r\n\r\n")
        head = data[: end + 2]
        length = _LENGTH.search(head) if end >= 0 else None
        if length is None or len(data) < end + 4 + int(length[1]):
            self.received = data
            return None
        self.received = b""
        status = int(data[9:12])
        return status, status == 503 and _RETRY_AFTER.search(head) is not None


class Generator:
    """Sends requests at a fixed rate.

    Sockets and `epoll` take 28 µs of CPU for a request. With an event loop's transports and
    protocols instead, the generator was late itself at 12,000 a second.

    Args:
        url: Where to.
        bodies: What, in turn.
        rate: Requests a second.
        seconds: For how long.
        connections: How many; a request that finds none free waits, and its time counts.
    """

    def __init__(
        self, url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._requests = render(url, bodies)
        self._most = connections
        self._epoll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._started = 0.0
        self.seen = Opened(rate, seconds)

    def run(self) -> Opened:
        """Runs from start to the last answer."""
        seen, requests = self.seen, self._requests
        total, sent = int(seen.rate * seen.seconds), 0
        for _ in range(self._most):
            self._connect()
        self._started = time.perf_counter()
        end = self._started + seen.seconds + PATIENCE_SECONDS
        while len(seen.answers) < total and (now := time.perf_counter()) < end:
            due_by_now = min(total, int((now - self._started) * seen.rate) + 1)
            for number in range(sent, due_by_now):
                self._submit(requests[number % len(requests)], number / seen.rate)
            sent = due_by_now
            for descriptor, _ in self._epoll.poll(TICK_SECONDS):
                self._receive(self._open[descriptor])
        for connection in list(self._open.values()):
            self._close(connection)
        self._epoll.close()
        missing = total - len(seen.answers)
        seen.answers += [Answer(0.0, PATIENCE_SECONDS, LOST, False)] * missing
        return seen

    def _submit(self, request: bytes, due: float) -> None:
        while self._idle and time.perf_counter() - self._idle[0].last_used > IDLE_SECONDS:
            self._close(self._idle.popleft())
        if not self._idle and len(self._open) < self._most and not self._connect():
            self._finish(due, LOST, retry_after=False)
        elif self._idle:
            self._send(self._idle.popleft(), request, due)
        else:
            self._waiting.append((request, due))
            self.seen.most_waiting = max(self.seen.most_waiting, len(self._waiting))

    def _connect(self) -> bool:
        """Opens a connection; returns whether there is one more now."""
        try:
            connection = _Connection(self._address)
        except OSError:
            return False
        descriptor = connection.socket.fileno()
        self._open[descriptor] = connection
        self._epoll.register(descriptor, select.EPOLLIN)
        connection.last_used = time.perf_counter()
        self._idle.append(connection)
        return True

    def _send(self, connection: _Connection, request: bytes, due: float) -> None:
        connection.due = due
        try:
            connection.socket.sendall(request)
        except OSError:
            self._lose(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            answered = connection.answer()
        except OSError:
            self._lose(connection)
            return
        if answered is None or connection.due is None:
            return
        self._finish(connection.due, answered[0], retry_after=answered[1])
        connection.due = None
        if self._waiting:
            self._send(connection, *self._waiting.popleft())
        else:
            connection.last_used = time.perf_counter()
            self._idle.append(connection)

    def _lose(self, connection: _Connection) -> None:
        """Takes leave of a connection that the server has closed."""
        if connection.due is not None:
            self._finish(connection.due, LOST, retry_after=False)
        elif connection in self._idle:
            self._idle.remove(connection)
        self._close(connection)

    def _close(self, connection: _Connection) -> None:
        descriptor = connection.socket.fileno()
        self._epoll.unregister(descriptor)
        del self._open[descriptor]
        connection.socket.close()

    def _finish(self, due: float, status: int, *, retry_after: bool) -> None:
        seconds = time.perf_counter() - self._started - due
        self.seen.answers.append(Answer(due, seconds, status, retry_after))


def run(
    url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int = 256
) -> Opened:
    """Runs the generator in a process of its own: nothing else here may delay it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, url, bodies, rate, seconds, connections).result()


def _run(
    url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int
) -> Opened:
    generator = Generator(url, bodies, rate, seconds, connections)
    # A collection would walk all answers so far, and be charged to the server.
    gc.disable()
    return generator.run()
