"""How many connections may be open: of all, and of one address."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Container, Iterator
from pathlib import Path
from typing import cast

import pytest
import uvloop

from framework.adapters.uvicorn_acceptor import Acceptor
from framework.connections import ConnectionLimits, OpenConnections
from tests.certificates import Authority, mount

MOST, DEADLINE_SECONDS = 4, 20
GET = b"GET /other HTTP/1.1\r\n\r\n"
PROBE = b"GET /probe HTTP/1.1\r\n\r\n"

pytestmark = pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
MakeLoop = Callable[[], asyncio.AbstractEventLoop]


class Sharing:
    """A worker that remembers whom it refuses."""

    timeout_seconds = 0.5
    workers = 1
    probes: Container[str] = ("/probe",)

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.statuses: list[int] = []

    def refused(self, status: int) -> None:
        self.statuses.append(status)


class Greeting(asyncio.Protocol):
    """Answers what comes, and leaves the connection open."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's is none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\n\r\n")


class Clients:
    """Connections to a listening socket, open until the end.

    Args:
        listening: The socket.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._address = listening.getsockname()
        self._connected: list[socket.socket] = []

    async def ask(self, sent: bytes, after: float = 0.0) -> int:
        """Connects and sends something, before anybody accepts or some seconds later.

        Returns:
            The answer's status.
        """
        client = self._connect(sent if not after else b"")
        if after:
            await asyncio.sleep(after)
            client.sendall(sent)
        answer = await asyncio.to_thread(client.recv, 1_000)
        return int(answer.split()[1])

    async def ended(self, sent: bytes) -> None:
        """Connects and sends something, and waits until the server closes the connection."""
        client = self._connect(sent)
        with contextlib.suppress(ConnectionError):
            while await asyncio.to_thread(client.recv, 1_000):
                pass

    def _connect(self, sent: bytes) -> socket.socket:
        client = socket.create_connection(self._address, timeout=DEADLINE_SECONDS)
        self._connected.append(client)
        client.sendall(sent)
        return client

    def leave(self) -> None:
        """Closes all of them."""
        while self._connected:
            self._connected.pop().close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture
def clients(listening: socket.socket) -> Iterator[Clients]:
    made = Clients(listening)
    yield made
    made.leave()


def accept(
    listening: socket.socket,
    make_loop: MakeLoop,
    limits: ConnectionLimits,
    ask: Callable[[OpenConnections], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> list[int]:
    """Accepts connections while they are asked for; returns the statuses of those refused."""
    sharing, are_open = Sharing(limits), OpenConnections()
    make_context = None if tls is None else lambda: tls

    async def accepting() -> None:
        with contextlib.closing(Acceptor(listening, make_context, Greeting, sharing, are_open)):
            await ask(are_open)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(accepting())
    return sharing.statuses


async def all_gone(are_open: OpenConnections) -> None:
    """Waits until none is open."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while are_open.total or are_open.of("127.0.0.1"):  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.01)


def test_an_address_that_has_as_many_as_it_may_gets_a_new_one_when_they_go(
    listening: socket.socket, clients: Clients, make_loop: MakeLoop
) -> None:
    async def ask(are_open: OpenConnections) -> None:
        for _ in range(3):
            answers = [await clients.ask(GET) for _ in range(MOST + 1)]
            assert answers == [200] * MOST + [429]
            assert await clients.ask(PROBE) == 429
            clients.leave()
            await all_gone(are_open)

    refused = accept(listening, make_loop, ConnectionLimits(most_of_one=MOST), ask)

    assert refused == [429] * 6


def test_beyond_all_of_them_a_probe_alone_is_let_in(
    listening: socket.socket, clients: Clients, make_loop: MakeLoop
) -> None:
    async def ask(are_open: OpenConnections) -> None:
        asked = [*[GET] * MOST, GET, PROBE, GET]
        assert [await clients.ask(one) for one in asked] == [200] * MOST + [503, 200, 503]
        late = [await clients.ask(one, after=0.1) for one in (PROBE, GET)]
        assert late == [200, 503]
        await clients.ended(b"")
        for _ in range(2):
            clients.leave()
            await all_gone(are_open)
            assert await clients.ask(GET) == 200
        # Uvloop, which warns of what is left, would not end where warnings are errors.
        clients.leave()
        await all_gone(are_open)

    refused = accept(listening, make_loop, ConnectionLimits(most=MOST), ask)

    assert refused == [503] * 4


def test_whoever_fails_at_tls_is_counted_no_longer_than_it_is_there(
    listening: socket.socket, clients: Clients, make_loop: MakeLoop, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*mount(tmp_path, Authority().issue()))

    async def ask(are_open: OpenConnections) -> None:
        # Who says nothing has the time of a handshake.
        for sent in (GET, GET, b""):
            await clients.ended(sent)
            await all_gone(are_open)

    assert accept(listening, make_loop, ConnectionLimits(most=MOST), ask, context) == []
