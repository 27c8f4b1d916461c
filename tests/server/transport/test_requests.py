"""Requests that were made to be misread: every answer belongs to a request that was made."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.processes import Server
from tests.server.transport.wire import OFFER, ROWS, Answer, Wire, head

ASKED = ("one", "two", "three")
FOREIGN = "smuggled"
SMUGGLED = head(len(ROWS), FOREIGN) + ROWS


@dataclass(frozen=True)
class Case:
    """What is sent over one connection.

    Attributes:
        packets: In order.
        statuses: What the server answers if it is asked directly.
    """

    packets: tuple[bytes, ...]
    statuses: tuple[int, ...]


def chunked(fields: bytes, body: bytes, own_id: str = "one") -> bytes:
    return (
        b"POST /double HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
        b"x-request-id: %s\r\n%s\r\n" % (own_id.encode(), fields) + body
    )


CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ROWS), ROWS)
CODED = b"transfer-encoding: chunked\r\n"
CASES = {
    "plain": Case((head(len(ROWS), "one") + ROWS,), (200,)),
    "pipelined": Case(
        (b"".join(head(len(ROWS), own_id) + ROWS for own_id in ASKED),),
        (200, 200, 200),
    ),
    "upgrade": Case((head(len(ROWS), "one", OFFER) + ROWS,), (200,)),
    "upgrade, body apart": Case((head(len(ROWS), "one", OFFER), ROWS), (200,)),
    "upgrade, in chunks": Case((chunked(OFFER + CODED, b""), CHUNKS), (200,)),
    "upgrade, body looks like a request": Case(
        (head(len(SMUGGLED), "one", OFFER), SMUGGLED), (400,)
    ),
    "upgrade, then another": Case(
        (head(len(ROWS), "one", OFFER) + ROWS, head(len(ROWS), "two") + ROWS), (200, 200)
    ),
    "upgrade without a connection header": Case(
        (head(len(SMUGGLED), "one", b"upgrade: h2c\r\n"), SMUGGLED), (400,)
    ),
    "upgrade to TLS": Case(
        (
            head(len(SMUGGLED), "one", b"connection: upgrade\r\nupgrade: TLS/1.3\r\n"),
            SMUGGLED,
        ),
        (400,),
    ),
    "upgrade offered twice": Case((head(len(SMUGGLED), "one", OFFER + OFFER), SMUGGLED), (400,)),
    "upgrade to HTTP/2 known beforehand": Case(
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,), (400,)
    ),
    "length and chunks": Case((head(len(CHUNKS), "one", CODED) + b"0\r\n\r\n" + SMUGGLED,), (400,)),
    "two lengths": Case(
        (head(len(ROWS), "one", b"content-length: 0\r\n") + ROWS + SMUGGLED,), (400,)
    ),
    "length with a sign": Case((chunked(b"content-length: +5\r\n", SMUGGLED),), (400,)),
    "chunks under another name": Case(
        (chunked(b"transfer-encoding: xchunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks twice": Case((chunked(CODED + CODED, CHUNKS + SMUGGLED),), (400,)),
    "chunks not last": Case(
        (chunked(b"transfer-encoding: chunked, identity\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunk without end": Case((chunked(CODED, b"5\r\n" + SMUGGLED),), (400,)),
    "chunk size overflows": Case((chunked(CODED, b"f" * 17 + b"\r\n" + SMUGGLED),), (400,)),
    "space before the colon": Case(
        (chunked(b"content-length : %d\r\n" % len(SMUGGLED), SMUGGLED),), (400,)
    ),
    "folded line": Case(
        (chunked(b"x: a\r\n content-length: %d\r\n" % len(SMUGGLED), SMUGGLED),), (400,)
    ),
    "bare line feed": Case((chunked(b"a: b\ncontent-length: 3\r\n", SMUGGLED),), (400,)),
    "NUL in a value": Case((chunked(b"a: \0b\r\n", SMUGGLED),), (400,)),
    "no request": Case((b"\x16\x03\x01\x02\x00\x01\x00",), (400,)),
    "CONNECT": Case((b"CONNECT here:1 HTTP/1.1\r\nhost: here:1\r\n\r\n" + SMUGGLED,), (400,)),
}


def tell(url: str, case: Case) -> list[Answer]:
    """Sends a case; returns every answer to it."""
    with Wire(url) as wire:
        return list(wire.send(*case.packets).answers())


def told(url: str) -> dict[str, list[Answer]]:
    """Sends all cases side by side, so that their silences pass together."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        found = pool.map(lambda case: tell(url, case), CASES.values())
        return dict(zip(CASES, found, strict=True))


def test_the_server_takes_what_is_clear_and_nothing_else(hasty: Server) -> None:
    statuses = {
        name: tuple(answer.status for answer in answers)
        for name, answers in told(hasty.url).items()
    }

    assert statuses == {name: case.statuses for name, case in CASES.items()}


def test_nobody_gets_an_answer_to_what_he_did_not_ask(way: str) -> None:
    for name, answers in told(way).items():
        ids = [answer.request_id for answer in answers]
        asked = [own_id for own_id in ids if own_id in ASKED]
        assert asked == list(ASKED[: len(asked)]), name
        # What follows an offer is its request's body, for every reader.
        assert FOREIGN not in ids or not name.startswith("upgrade"), name

    # Whoever shares the proxy's connections to the server gets what he asked for.
    for number in range(2 * len(CASES)):
        with Wire(way) as other:
            answer = other.send(head(len(ROWS), f"other-{number}") + ROWS).answer()
        assert answer is not None
        assert (answer.status, answer.request_id) == (200, f"other-{number}")
        assert answer.json() == [{"value": 4, "name": ""}]
