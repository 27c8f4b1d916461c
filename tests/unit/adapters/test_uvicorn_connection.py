"""What the connection relies on in uvicorn's: each name has a test that says what for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from framework.adapters.uvicorn import has_left, has_whole_body, write_at_once
from framework.adapters.uvicorn_connection import Connection, Direct
from tests.unit.adapters.transport import RecordingTransport

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OFFER = b"connection: keep-alive, Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
KEEP_ALIVE_SECONDS, SECONDS = 5, 30


class Peer:
    """A connection of which the network is left out, and what its application was asked.

    Args:
        holds: Whether the application waits for `release` before it answers.
        direct: Path → who may answer what is posted to it.
    """

    def __init__(self, *, holds: bool = False, direct: Mapping[str, Direct] | None = None) -> None:
        self.asked: list[tuple[str, bytes, dict[bytes, bytes]]] = []
        self.told: list[tuple[bool, bool]] = []
        self.release = asyncio.Event()
        if not holds:
            self.release.set()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            whole, body, more = has_whole_body(receive), b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            self.asked.append((scope["method"], body, dict(scope["headers"])))
            await self.release.wait()
            self.told.append((whole, has_left(send)))
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"ok"})

        config = uvicorn.Config(
            app, http=Connection, ws="wsproto", log_config=None, lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )  # fmt: skip
        config.load()
        self.transport = RecordingTransport()
        self.state = ServerState()
        self.protocol = Connection(
            direct=direct or {},
            config=config,
            server_state=self.state,
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        # As in a worker; here pytest listens to every logger.
        self.protocol.access_log = False
        self.protocol.connection_made(self.transport)

    async def send(self, *packets: bytes) -> None:
        """Brings packets, one after the other, and lets the application do what it can."""
        for packet in packets:
            self.protocol.data_received(packet)
            for _ in range(50):
                await asyncio.sleep(0)

    def wait(self, seconds: float) -> None:
        """Has the connection checked twice, with so much time between."""
        now = time.monotonic()
        self.protocol.check(now, SECONDS)
        self.protocol.check(now + seconds, SECONDS)

    @property
    def answers(self) -> int:
        """How many answers were written."""
        return b"".join(self.transport.writes).count(b"HTTP/1.1 200 OK")


Check = Callable[[Peer], Awaitable[None]]


def run(check: Check, *, holds: bool = False, direct: Mapping[str, Direct] | None = None) -> None:
    """Runs a check in a loop of its own."""

    async def checked() -> None:
        peer = Peer(holds=holds, direct=direct)
        await check(peer)
        peer.release.set()
        peer.protocol.connection_lost(None)
        await asyncio.gather(*peer.state.tasks)

    asyncio.run(checked())


def post(body: bytes, fields: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n%scontent-length: %d\r\n\r\n" % (fields, len(body))


BODIES = {
    "length": (post(b"body", OFFER), b"body"),
    "chunks": (
        b"POST / HTTP/1.1\r\n" + OFFER + b"transfer-encoding: chunked\r\n\r\n",
        b"4\r\nbody\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("apart", [True, False], ids=["packets", "packet"])
@pytest.mark.parametrize(("head", "body"), BODIES.values(), ids=BODIES)
def test_an_offer_to_upgrade_is_declined_and_its_body_read(
    head: bytes, body: bytes, *, apart: bool
) -> None:
    async def check(peer: Peer) -> None:
        await peer.send(*((head, body) if apart else (head + body,)), GET)
        (first, second) = peer.asked
        assert first[:2] == ("POST", b"body")
        assert not {b"upgrade", b"http2-settings"} & first[2].keys()
        assert first[2][b"connection"] == b"keep-alive"
        assert second[:2] == ("GET", b"")
        assert peer.answers == 2

    run(check)


@pytest.mark.parametrize("apart", [True, False], ids=["packets", "packet"])
def test_a_trailer_is_no_header(*, apart: bool) -> None:
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nx-first: one\r\n\r\n"
    body = b"4\r\nbody\r\n0\r\nauthorization: Bearer key\r\nx-first: two\r\n\r\n"
    later: list[dict[bytes, bytes]] = []

    def direct(scope: Any, *_: object) -> bool:
        later.append(dict(scope["headers"]))
        return False

    async def check(peer: Peer) -> None:
        await peer.send(*((head, body) if apart else (head + body,)), GET)
        (first, second) = peer.asked
        assert first[1] == b"body"
        assert first[2] == {b"transfer-encoding": b"chunked", b"x-first": b"one"}
        assert second[2] == {b"host": b"here"}

    run(check, direct={"/": direct})

    assert not [one for one in later if b"authorization" in one]


def test_a_head_without_end_is_refused() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(GET, GET[:-2], *[b"x-more: " + b"x" * 20_000 + b"\r\n"] * 4)
        assert peer.answers == 1
        assert b"HTTP/1.1 431 " in peer.transport.writes[-1]
        assert peer.transport.is_closing()

    run(check)


def test_a_large_body_is_no_head() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(post(b"x" * 200_000), *[b"x" * 20_000] * 10, GET)
        assert peer.answers == 2

    run(check)


def test_requests_that_end_within_packets_are_no_head() -> None:
    async def check(peer: Peer) -> None:
        one = GET[:-2] + b"x-more: " + b"x" * 1_000 + b"\r\n\r\n"
        requests, size = one * 200, 4_001
        await peer.send(*[requests[at : at + size] for at in range(0, len(requests), size)])
        assert peer.answers == 200

    run(check)


def test_a_body_before_part_of_a_head_is_no_head() -> None:
    async def check(peer: Peer) -> None:
        body = b"x" * 200_000
        await peer.send(post(body) + body + GET[:-5], GET[-5:])
        assert peer.answers == 2

    run(check)


def test_trailers_without_end_are_kept_nowhere() -> None:
    async def check(peer: Peer) -> None:
        head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
        await peer.send(head, *[b"x-more: " + b"x" * 1_000 + b"\r\n"] * 100)
        assert not peer.protocol.headers
        await peer.send(b"\r\n")
        assert peer.answers == 1

    run(check)


def test_a_body_is_never_a_request() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(post(GET, OFFER), GET)
        assert [asked[:2] for asked in peer.asked] == [("POST", GET)]

    run(check)


def test_many_offers_in_one_packet_are_answered_in_order() -> None:
    async def check(peer: Peer) -> None:
        count = 3_000
        await peer.send((b"GET / HTTP/1.1\r\n" + OFFER + b"\r\n") * count)
        while peer.state.tasks:
            await asyncio.gather(*peer.state.tasks)
        assert peer.answers == count

    run(check)


def test_connect_is_refused() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(b"CONNECT other:443 HTTP/1.1\r\n\r\n" + GET)
        assert peer.transport.writes[0].startswith(b"HTTP/1.1 400 ")
        assert peer.transport.closed
        assert not peer.asked

    run(check)


def test_a_websocket_is_still_uvicorns() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(
            b"GET / HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        assert not peer.asked or peer.asked[0][0] != "GET"
        assert peer.transport.protocol is not peer.protocol

    run(check)


def test_a_broken_request_is_refused() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(b"no request\r\n\r\n")
        assert peer.transport.writes[0].startswith(b"HTTP/1.1 400 ")

    run(check)


def test_a_client_that_leaves_is_told_to_the_first_of_its_requests() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(GET + GET)
        peer.protocol.connection_lost(None)
        peer.release.set()
        await asyncio.gather(*peer.state.tasks)
        assert peer.told == [(True, True)]
        assert not peer.transport.writes

    run(check, holds=True)


def test_a_request_before_a_broken_one_is_given_up() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(GET + b"no request\r\n\r\n")
        assert peer.transport.closed
        peer.release.set()
        await asyncio.gather(*peer.state.tasks)
        assert peer.told == [(True, True)]
        await peer.send(b"more")
        assert peer.transport.writes[0].startswith(b"HTTP/1.1 400 ")
        assert len(peer.transport.writes) == 1

    run(check, holds=True)


def test_whether_the_body_has_come_is_known() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(post(b"ab") + b"ab", post(b"ab"), b"ab")
        assert [whole for whole, _ in peer.told] == [True, False]

    run(check)


# What came, how long it may last, and how it ends.
WAITS = {
    "nothing": ((), SECONDS, "closed"),
    "a head": ((b"GET / HT",), SECONDS, "closed"),
    "the next head": ((GET, b"GET / HT"), SECONDS, "closed"),
    "a body": ((post(b"ab"), b"a"), 2 * SECONDS, "aborted"),
    "the next request": ((GET,), KEEP_ALIVE_SECONDS, "closed"),
}


@pytest.mark.parametrize(("packets", "seconds", "end"), WAITS.values(), ids=WAITS)
def test_what_waits_for_its_client_ends(packets: tuple[bytes], seconds: float, end: str) -> None:
    async def check(peer: Peer) -> None:
        await peer.send(*packets)
        peer.wait(seconds - 1)
        assert not peer.transport.closed
        peer.wait(seconds + 1)
        assert peer.transport.end == end
        told = b"".join(peer.transport.writes)
        assert (b"408 Request Timeout" in told) == (packets[-1:] == (b"GET / HT",))

    run(check)


def test_a_body_that_was_answered_early_ends_too() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(post(b"ab"))
        peer.protocol.cycle.response_complete = True
        peer.wait(SECONDS + 1)
        assert peer.transport.end == "aborted"

    run(check)


def test_an_answer_that_is_not_taken_ends_its_connection() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(GET)
        peer.protocol.pause_writing()
        peer.wait(SECONDS - 1)
        assert not peer.transport.closed
        peer.wait(SECONDS + 1)
        assert peer.transport.end == "aborted"

    run(check)


def test_a_closed_connection_that_still_has_to_write_ends_too() -> None:
    async def check(peer: Peer) -> None:
        peer.transport.close()
        peer.wait(SECONDS + 1)
        assert peer.transport.end == "aborted"

    run(check)


@pytest.mark.parametrize("packets", [(GET,), (GET + post(b"ab"),)], ids=["alone", "queued"])
def test_a_request_that_is_being_answered_waits_for_nobody(packets: tuple[bytes]) -> None:
    async def check(peer: Peer) -> None:
        await peer.send(*packets)
        peer.wait(100 * SECONDS)
        assert not peer.transport.closed

    run(check, holds=True)


def test_a_body_the_application_does_not_take_is_not_the_clients_fault() -> None:
    async def check(peer: Peer) -> None:
        await peer.send(post(b"a" * 200_000))
        peer.protocol.cycle.body += b"a"
        peer.protocol.flow.pause_reading()
        peer.wait(100 * SECONDS)
        assert not peer.transport.closed

    run(check, holds=True)


def test_time_counts_from_the_last_request() -> None:
    async def check(peer: Peer) -> None:
        for _ in range(5):
            await peer.send(GET)
            peer.protocol.check(time.monotonic() + KEEP_ALIVE_SECONDS - 1, SECONDS)
        assert not peer.transport.closed
        assert peer.answers == 5

    run(check)


class Taker:
    """Who may answer directly: at once, later or not at all.

    Args:
        accepts: Whether it takes what it is offered.
        at_once: Whether it answers at once; otherwise when it is told to.
    """

    def __init__(self, *, accepts: bool = True, at_once: bool = True) -> None:
        self.bodies: list[bytes] = []
        self._accepts = accepts
        self._at_once = at_once
        self._senders: list[Send] = []

    def __call__(self, scope: Message, body: bytearray, receive: Receive, send: Send) -> bool:
        self.bodies.append(bytes(body))
        if self._accepts:
            self._senders.append(send)
            if self._at_once:
                self.answer()
        return self._accepts

    def answer(self) -> bool:
        """Answers the first that is not answered; returns whether that could be written."""
        return write_at_once(self._senders.pop(0), 200, [(b"content-length", b"2")], b"ok")


def test_what_has_come_whole_is_answered_directly_and_the_rest_by_the_application() -> None:
    taker = Taker()

    async def check(peer: Peer) -> None:
        await peer.send(post(b"body") + b"body")
        assert (taker.bodies, peer.asked, peer.answers) == ([b"body"], [], 1)
        assert not peer.state.tasks
        await peer.send(post(b"body"), b"body", GET, post(b"") + GET)
        assert [asked[:2] for asked in peer.asked] == [
            ("POST", b"body"),
            ("GET", b""),
            ("GET", b""),
        ]
        assert (taker.bodies, peer.answers) == ([b"body", b""], 5)

    run(check, direct={"/": taker})


def test_what_is_declined_or_posted_elsewhere_is_the_applications() -> None:
    taker = Taker(accepts=False)

    async def check(peer: Peer) -> None:
        await peer.send(post(b"body") + b"body", post(b"").replace(b" / ", b" /else "))
        assert [asked[:2] for asked in peer.asked] == [("POST", b"body"), ("POST", b"")]
        assert (taker.bodies, peer.answers) == ([b"body"], 2)

    run(check, direct={"/": taker})


def test_requests_in_one_packet_are_answered_in_order() -> None:
    taker = Taker(at_once=False)

    async def check(peer: Peer) -> None:
        await peer.send(post(b"1") + b"1" + post(b"2") + b"2" + GET)
        assert (taker.bodies, peer.asked) == ([b"1"], [])
        assert taker.answer()
        await peer.send()
        while peer.state.tasks:
            await asyncio.gather(*peer.state.tasks)
        assert [asked[:2] for asked in peer.asked] == [("POST", b"2"), ("GET", b"")]
        assert peer.answers == 3

    run(check, direct={"/": taker})


def test_a_client_that_leaves_gets_no_direct_answer() -> None:
    taker = Taker(at_once=False)

    async def check(peer: Peer) -> None:
        await peer.send(post(b"1") + b"1")
        peer.protocol.connection_lost(None)
        assert not taker.answer()
        assert not peer.transport.writes

    run(check, direct={"/": taker})


def test_a_request_before_a_broken_one_is_not_offered() -> None:
    taker = Taker()

    async def check(peer: Peer) -> None:
        await peer.send(post(b"1") + b"1" + b"no request\r\n\r\n")
        assert not taker.bodies
        assert peer.told == [(True, True)]

    run(check, direct={"/": taker})
