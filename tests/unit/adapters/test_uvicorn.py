"""A whole response takes one write, and is otherwise what uvicorn makes of ASGI's messages.

Every name of uvicorn's that the adapter reads or sets has a test that says what for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from framework.adapters.uvicorn import write_at_once
from tests.unit.adapters.transport import RecordingTransport

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
BODY = b'{"probability": 0.5}'
DEADLINE_SECONDS = 10

# Those that uvicorn answers otherwise than by writing a head and a body, by what tells them.
SPECIAL = {
    "keep_alive: client closes": b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
    "keep_alive: HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "scope: HEAD": b"HEAD / HTTP/1.1\r\n\r\n",
    "waiting_for_100_continue": (
        b"POST / HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    ),
}


class Connection:
    """One connection to uvicorn, of which the network is left out.

    Args:
        joined: Whether the application may write at once.
        status: Status of its responses.
        headers: Headers of its responses.
        access_log: Whether uvicorn writes a line for each.
        write_paused: Whether the client is slow to read, so that uvicorn waits before it writes.
        watches: Whether the application awaits its client's leaving while it answers.

    Attributes:
        written_at_once: Whether each response was, in order.
        messages: What the application received after each response.
    """

    def __init__(
        self,
        *,
        joined: bool = True,
        status: int = 200,
        headers: Iterable[tuple[bytes, bytes]] = (),
        access_log: bool = False,
        write_paused: bool = False,
        watches: bool = False,
    ) -> None:
        lines = [*headers, (b"content-length", b"%d" % len(BODY))]

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            if write_paused:
                self.protocol.flow.pause_writing()
                asyncio.get_running_loop().call_soon(self.protocol.flow.resume_writing)
            if watches:
                await receive()
                watching = asyncio.ensure_future(receive())
                # One turn of the loop takes it to where it waits.
                await asyncio.sleep(0)
            at_once = joined and write_at_once(send, status, lines, BODY)
            self.written_at_once.append(at_once)
            try:
                if not at_once:
                    await send({"type": "http.response.start", "status": status, "headers": lines})
                    await send({"type": "http.response.body", "body": BODY})
            except RuntimeError as error:
                self.errors.append(str(error))
                return
            message = await asyncio.wait_for(watching if watches else receive(), DEADLINE_SECONDS)
            self.messages.append(message["type"])
            self.second_answers.append(write_at_once(send, status, lines, BODY))

        self.errors: list[str] = []
        self.written_at_once: list[bool] = []
        self.messages: list[str] = []
        self.second_answers: list[bool] = []
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


async def both(ask: Ask, *requests: bytes, **kinds: Any) -> tuple[Connection, Connection]:
    """The same requests, answered at once and by uvicorn alone; the client sees no difference."""
    joined = await ask(*requests, **kinds)
    apart = await ask(*requests, joined=False, **kinds)
    assert b"".join(joined.transport.writes) == b"".join(apart.transport.writes)
    assert joined.transport.closed == apart.transport.closed
    assert joined.state.total_requests == apart.state.total_requests
    return joined, apart


@pytest.mark.parametrize("requests", [(GET,), (GET, GET, GET), (GET + GET + GET,)])
def test_on_response_lets_the_next_request_of_the_connection_follow(
    ask: Ask, requests: tuple[bytes, ...]
) -> None:
    async def check() -> None:
        joined, apart = await both(ask, *requests, headers=[(b"x-request-id", b"7")])
        responses = len(b"".join(requests)) // len(GET)
        assert joined.state.total_requests == responses
        assert joined.written_at_once == [True] * responses
        assert len(joined.transport.writes) == responses
        assert len(apart.transport.writes) == 2 * responses

    asyncio.run(check())


@pytest.mark.parametrize("status", [200, 400, 404, 413, 415, 500, 503, 504])
def test_status_line_is_the_line_uvicorn_writes(ask: Ask, status: int) -> None:
    async def check() -> None:
        joined, _ = await both(ask, GET, status=status)
        assert joined.transport.writes[0].startswith(b"HTTP/1.1 %d " % status)

    asyncio.run(check())


def test_default_headers_are_those_uvicorn_adds(ask: Ask) -> None:
    async def check() -> None:
        joined, _ = await both(ask, GET)
        assert b"\r\ndate: today\r\n" in joined.transport.writes[0]

    asyncio.run(check())


@pytest.mark.parametrize("watches", [True, False], ids=["message_event", "response_complete"])
def test_an_answer_ends_what_the_application_awaits(ask: Ask, *, watches: bool) -> None:
    async def check() -> None:
        joined, apart = await both(ask, GET, watches=watches)
        assert joined.written_at_once == [True]
        assert joined.messages == apart.messages == ["http.disconnect"]

    asyncio.run(check())


def test_response_started_keeps_a_second_answer_from_being_written(ask: Ask) -> None:
    async def check() -> None:
        joined, apart = await both(ask, GET)
        assert joined.second_answers == apart.second_answers == [False]

    asyncio.run(check())


@pytest.mark.parametrize("request_bytes", SPECIAL.values(), ids=SPECIAL)
def test_special_responses_are_left_to_uvicorn(ask: Ask, request_bytes: bytes) -> None:
    async def check() -> None:
        joined, apart = await both(ask, request_bytes)
        assert joined.written_at_once == [False]
        assert joined.transport.writes == apart.transport.writes

    asyncio.run(check())


def test_default_headers_that_close_the_connection_leave_it_to_uvicorn(ask: Ask) -> None:
    async def check() -> None:
        connection = await ask()
        connection.state.default_headers.append(CLOSE_HEADER)
        await connection.ask(GET)
        assert connection.written_at_once == [False]
        assert connection.transport.closed

    asyncio.run(check())


def test_write_paused_leaves_it_to_uvicorn_to_wait_for_a_slow_client(ask: Ask) -> None:
    async def check() -> None:
        joined, _ = await both(ask, GET, write_paused=True)
        assert joined.written_at_once == [False]

    asyncio.run(check())


def test_access_log_leaves_the_line_to_uvicorn(
    ask: Ask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether those above get the lines depends on what other tests have started in this process.
    lines = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(lines, "propagate", False)
    monkeypatch.setattr(lines, "handlers", [caplog.handler])

    async def check() -> None:
        connection = await ask(GET, access_log=True)
        assert connection.written_at_once == [False]

    with caplog.at_level(logging.INFO, "uvicorn.access"):
        asyncio.run(check())
    assert [record.name for record in caplog.records] == ["uvicorn.access"]


def test_disconnected_keeps_a_client_that_has_left_from_being_written_to(ask: Ask) -> None:
    async def check() -> None:
        connection = await ask()
        connection.protocol.data_received(GET)
        connection.end()
        await asyncio.gather(*connection.state.tasks)
        assert connection.written_at_once == [False]
        assert not connection.transport.writes

    asyncio.run(check())


def test_a_second_header_within_a_value_is_left_to_uvicorn_to_refuse(ask: Ask) -> None:
    async def check() -> None:
        connection = await ask(GET, headers=[(b"allow", b"GET\r\nset-cookie: stolen")])
        assert connection.errors == ["Invalid HTTP header value."]
        assert b"stolen" not in b"".join(connection.transport.writes)

    asyncio.run(check())


def test_only_the_send_of_a_request_response_cycle_is_written_past() -> None:
    async def send(message: Message) -> None:
        raise AssertionError("not for the adapter to call")

    assert not write_at_once(send, 200, [], BODY)
    assert not write_at_once(Connection.ask.__get__(object()), 200, [], BODY)
