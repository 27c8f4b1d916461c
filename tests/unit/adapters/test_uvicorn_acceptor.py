"""Many connections at once: the line in which they wait, and who does not wait in it."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Container, Iterator

import pytest

from framework.adapters import uvicorn_acceptor
from framework.adapters.uvicorn_acceptor import OPENED_AT_ONCE, Acceptor
from framework.connections import ConnectionLimits, OpenConnections

CLIENTS = 100
TURNS = 5
DEADLINE_SECONDS = 20


class Sharing:
    """A worker with a probe, which counts whom it refuses."""

    timeout_seconds = 5.0
    workers = 1
    probes: Container[str] = ("/probe",)
    limits = ConnectionLimits()

    def __init__(self) -> None:
        self.count = 0

    def refused(self, status: int) -> None:
        self.count += 1


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * CLIENTS) as bound:
        yield bound


@pytest.fixture
def clients(listening: socket.socket) -> Iterator[Callable[[str], socket.socket]]:
    """Connects and asks for a path, whether or not anybody accepts yet."""
    with contextlib.ExitStack() as stack:

        def connect(request: str) -> socket.socket:
            connected = stack.enter_context(
                socket.create_connection(listening.getsockname(), timeout=DEADLINE_SECONDS)
            )
            connected.sendall(request.encode())
            return connected

        yield connect


class Heard:
    """What was asked, and who was opened, in order.

    Args:
        count: How many there are to hear.
    """

    def __init__(self, count: int) -> None:
        self.asked: list[str] = []
        self.opened: list[asyncio.BaseTransport] = []
        self.ports: list[int] = []
        self.began, self.done = asyncio.Event(), asyncio.Event()
        self._count = count

    def hear(self, path: str) -> None:
        """Hears one."""
        self.asked.append(path)
        self.began.set()
        if len(self.asked) == self._count:
            self.done.set()


class Connection(asyncio.Protocol):
    """Hears what its client asks."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._heard.opened.append(transport)
        self._heard.ports.append(transport.get_extra_info("peername")[1])

    def data_received(self, data: bytes) -> None:
        assert self._transport
        self._transport.close()
        self._heard.hear(data.decode().split()[1])


def accept(
    listening: socket.socket, count: int, sharing: Sharing | None = None, *, ends: bool = False
) -> Heard:
    """Accepts until so many have been heard.

    Args:
        listening: Where.
        count: How many.
        sharing: What is known of them.
        ends: Whether the acceptor ends as soon as anybody was heard.
    """
    heard = Heard(count)

    async def accepting() -> None:
        known = sharing or Sharing()
        acceptor = Acceptor(listening, None, lambda: Connection(heard), known, OpenConnections())
        async with asyncio.timeout(DEADLINE_SECONDS):
            await heard.began.wait()
            if ends:
                assert acceptor.end()
            await heard.done.wait()
        acceptor.close()
        for transport in heard.opened:
            transport.close()
        # Asyncio closes a socket in the next turn.
        await asyncio.sleep(0)

    asyncio.run(accepting())
    return heard


@pytest.mark.parametrize(
    "probe", ["GET /probe HTTP/1.1\r\n", "HEAD /probe HTTP/1.1\r\n", "GET /probe?now HTTP/1.1\r\n"]
)
def test_a_probe_does_not_wait_for_all_that_came_before(
    listening: socket.socket, clients: Callable[[str], socket.socket], probe: str
) -> None:
    for number in range(CLIENTS):
        clients(f"POST /{number} HTTP/1.1\r\n")
    clients(probe)

    asked = accept(listening, CLIENTS + 1).asked

    position = next(place for place, path in enumerate(asked) if path.startswith("/probe"))
    assert position <= TURNS * OPENED_AT_ONCE
    assert [path for path in asked if "probe" not in path] == [f"/{one}" for one in range(CLIENTS)]


@pytest.mark.parametrize("other", ["POST /probe HTTP/1.1\r\n", "GET /probe/x HTTP/1.1\r\n", "\0"])
def test_whoever_is_like_a_probe_waits(
    listening: socket.socket, clients: Callable[[str], socket.socket], other: str
) -> None:
    for number in range(CLIENTS):
        clients(f"POST /{number} HTTP/1.1\r\n")
    clients(f"{other} last")

    assert accept(listening, CLIENTS + 1).asked[-1] in other + " last"


def test_silence_does_not_wait(
    listening: socket.socket, clients: Callable[[str], socket.socket]
) -> None:
    for number in range(CLIENTS):
        clients(f"POST /{number} HTTP/1.1\r\n")
    silent = clients("")

    opened = accept(listening, CLIENTS).ports

    assert opened.index(silent.getsockname()[1]) <= TURNS * OPENED_AT_ONCE


def test_a_full_line_is_refused_at_once(
    listening: socket.socket,
    clients: Callable[[str], socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uvicorn_acceptor, "MOST_WAITING", CLIENTS // 2)
    crowd = [clients(f"POST /{number} HTTP/1.1\r\n") for number in range(CLIENTS)]
    sharing = Sharing()

    accept(listening, CLIENTS // 2, sharing)

    answers = [one.recv(1_000) for one in crowd[CLIENTS // 2 :]]
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 503 Service Unavailable"}
    assert all(b"\r\nretry-after: 1\r\n" in answer for answer in answers)
    assert sharing.count == CLIENTS // 2


def test_whoever_waits_at_the_end_is_heard(
    listening: socket.socket, clients: Callable[[str], socket.socket]
) -> None:
    for number in range(CLIENTS):
        clients(f"POST /{number} HTTP/1.1\r\n")

    assert len(accept(listening, CLIENTS, ends=True).asked) == CLIENTS
