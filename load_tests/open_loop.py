"""The open-loop generator: requests at a fixed rate, whether or not the earlier ones are answered.

Every latency is counted from the moment the request was due, so a server that stalls is charged
for all that should have been sent meanwhile (no coordinated omission). Requests due are sent once
a millisecond, because that is how finely the event loop's timer counts.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import re
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

TICK_SECONDS = 0.001
# Servers close a connection that was idle for 5 s; one idle for longer than this is not used.
IDLE_SECONDS = 3.0
# After the last request was due, how long answers are waited for.
PATIENCE_SECONDS = 30.0
LOST = 0
"""Status of a request whose connection was lost, or that was never answered."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
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


class _Connection(asyncio.Protocol):
    """One connection, with one request under way at most."""

    def __init__(self, generator: "Generator") -> None:
        self._generator = generator
        self._received = bytearray()
        self._due: float | None = None
        self.transport: asyncio.Transport | None = None
        self.last_used = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A uvloop transport is one in all but name.
        self.transport = cast(asyncio.Transport, transport)
        self._generator.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._generator.open -= 1
        if self._due is not None:
            self._generator.finished(self._due, LOST, retry_after=False)

    def send(self, request: bytes, due: float) -> None:
        """Sends a request that was due at `due`."""
        assert self.transport is not None
        self._due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._due is None:
            return
        head = bytes(self._received[: end + 2])
        length = _LENGTH.search(head)
        if length is None or len(self._received) < end + 4 + int(length[1]):
            return
        self._received.clear()
        due, self._due = self._due, None
        status = int(head[9:12])
        self._generator.finished(
            due, status, retry_after=status == 503 and _RETRY_AFTER.search(head) is not None
        )
        self._generator.free(self)


class Generator:
    """Sends requests at a fixed rate.

    Args:
        url: Where to.
        bodies: What, in turn.
        rate: Requests a second.
        seconds: For how long.
        connections: Most connections; a request that finds none free waits, and its time counts.
    """

    def __init__(
        self, url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._requests = render(url, bodies)
        self._most = connections
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._started = 0.0
        self._last = 0
        self._ended = asyncio.Event()
        self.open = 0
        self.seen = Opened(rate, seconds)

    async def run(self) -> Opened:
        """Runs from start to the last answer."""
        seen = self.seen
        total = int(seen.rate * seen.seconds)
        self._started = time.perf_counter()
        sent = 0
        while sent < total:
            elapsed = time.perf_counter() - self._started
            due_by_now = min(total, int(elapsed * seen.rate) + 1)
            for number in range(sent, due_by_now):
                self._submit(self._requests[number % len(self._requests)], number / seen.rate)
            sent = due_by_now
            await asyncio.sleep(TICK_SECONDS)
        self._last = total
        self._note_end()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), PATIENCE_SECONDS)
        self._close(total)
        return seen

    def _submit(self, request: bytes, due: float) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.transport is None:
                continue
            if time.perf_counter() - connection.last_used > IDLE_SECONDS:
                connection.transport.close()
                continue
            connection.send(request, due)
            return
        self._waiting.append((request, due))
        self.seen.most_waiting = max(self.seen.most_waiting, len(self._waiting))
        if self.open < self._most:
            self.open += 1
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Connection(self), *self._address)
        except OSError:
            self.open -= 1
            if self._waiting:
                _, due = self._waiting.popleft()
                self.finished(due, LOST, retry_after=False)

    def free(self, connection: _Connection) -> None:
        """Takes a connection back, or gives it what has waited longest."""
        if self._waiting:
            connection.send(*self._waiting.popleft())
            return
        connection.last_used = time.perf_counter()
        self._idle.append(connection)

    def finished(self, due: float, status: int, *, retry_after: bool) -> None:
        """Records what became of a request."""
        seconds = time.perf_counter() - self._started - due
        self.seen.answers.append(Answer(due, seconds, status, retry_after))
        self._note_end()

    def _note_end(self) -> None:
        if self._last and len(self.seen.answers) >= self._last:
            self._ended.set()

    def _close(self, total: int) -> None:
        for connection in self._idle:
            if connection.transport is not None:
                connection.transport.close()
        missing = total - len(self.seen.answers)
        self.seen.answers += [Answer(0.0, PATIENCE_SECONDS, LOST, False)] * missing


def run(
    url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int = 256
) -> Opened:
    """Runs the generator in a process of its own: nothing else here may delay it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, url, bodies, rate, seconds, connections).result()


def _run(
    url: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int
) -> Opened:
    import uvloop

    generator = Generator(url, bodies, rate, seconds, connections)
    # A collection would walk all answers so far, and be charged to the server.
    gc.disable()
    return uvloop.run(generator.run())
