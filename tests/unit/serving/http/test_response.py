"""A whole response takes one write, and is otherwise what uvicorn makes of ASGI's messages."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from serving.http.asgi import Message, Receive, Scope, Send
from serving.http.response import answer

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
BODY = b'{"probability": 0.5}'

# Those that uvicorn answers otherwise than by writing a head and a body.
SPECIAL = {
    "client closes": b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\n\r\n",
    "waits for 100": b"POST / HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
}


class RecordingTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        """Keeps it."""
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self.closed

    def close(self) -> None:
        """Closes."""
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""


class Connection:
    """One connection to uvicorn, of which the network is left out.

    Args:
        joined: Whether the application may write at once.
        headers: Headers of its responses.
        access_log: Whether uvicorn writes a line for each.
    """

    def __init__(
        self,
        *,
        joined: bool = True,
        headers: Iterable[tuple[bytes, bytes]] = (),
        access_log: bool = False,
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async def apart(message: Message) -> None:
                await send(message)

            try:
                await answer(send if joined else apart, 200, [*headers], BODY)
            except RuntimeError as error:
                self.errors.append(str(error))

        self.errors: list[str] = []
        self.transport = RecordingTransport()
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        config.load()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.protocol = HttpToolsProtocol(config, self.state, {}, asyncio.get_running_loop())
        # Set here, because pytest gives every logger handlers, by which uvicorn would decide.
        self.protocol.access_log = access_log
        self.protocol.connection_made(self.transport)

    async def ask(self, request: bytes) -> None:
        """Lets uvicorn answer one request, or several in a row."""
        self.protocol.data_received(request)
        while self.state.tasks:
            await asyncio.gather(*self.state.tasks)

    def end(self) -> None:
        """Closes the connection, and with it uvicorn's timer."""
        self.protocol.connection_lost(None)


Ask = Callable[..., Awaitable[Connection]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Sends requests over a new connection."""
    connections = []

    async def asked(*requests: bytes, **kinds: Any) -> Connection:
        connection = Connection(**kinds)
        connections.append(connection)
        for request in requests:
            await connection.ask(request)
        return connection

    yield asked
    for connection in connections:
        connection.end()


@pytest.mark.parametrize("requests", [(GET,), (GET, GET, GET), (GET + GET + GET,)])
def test_writes_each_response_at_once(ask: Ask, requests: tuple[bytes, ...]) -> None:
    async def check() -> None:
        headers = [(b"x-request-id", b"7")]
        joined = await ask(*requests, headers=headers)
        apart = await ask(*requests, joined=False, headers=headers)
        responses = len(b"".join(requests)) // len(GET)
        assert joined.state.total_requests == apart.state.total_requests == responses
        assert len(joined.transport.writes) == responses
        assert len(apart.transport.writes) == 2 * responses
        assert b"".join(joined.transport.writes) == b"".join(apart.transport.writes)
        assert not joined.transport.closed

    asyncio.run(check())


@pytest.mark.parametrize("request_bytes", SPECIAL.values(), ids=SPECIAL)
def test_leaves_special_responses_to_uvicorn(ask: Ask, request_bytes: bytes) -> None:
    async def check() -> None:
        joined = await ask(request_bytes)
        apart = await ask(request_bytes, joined=False)
        assert joined.transport.writes == apart.transport.writes
        assert joined.transport.closed == apart.transport.closed
        assert joined.state.total_requests == 1

    asyncio.run(check())


def test_leaves_the_access_log_to_uvicorn(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        await ask(GET, access_log=True)

    with caplog.at_level(logging.INFO, "uvicorn.access"):
        asyncio.run(check())
    assert [record.name for record in caplog.records] == ["uvicorn.access"]


def test_leaves_it_to_uvicorn_to_refuse_a_second_header_within_a_value(ask: Ask) -> None:
    async def check() -> None:
        connection = await ask(GET, headers=[(b"allow", b"GET\r\nset-cookie: stolen")])
        assert connection.errors == ["Invalid HTTP header value."]
        assert b"stolen" not in b"".join(connection.transport.writes)

    asyncio.run(check())


def test_writes_nothing_to_a_client_that_has_left(ask: Ask) -> None:
    async def check() -> None:
        connection = await ask()
        connection.protocol.data_received(GET)
        connection.end()
        await asyncio.gather(*connection.state.tasks)
        assert not connection.transport.writes

    asyncio.run(check())
