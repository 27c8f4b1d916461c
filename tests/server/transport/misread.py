"""Requests that were made to be misread, and what is answered to them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.server.transport.wire import OFFER, ROWS, Answer, Wire, head

ASKED = ("one", "two", "three")
FOREIGN = "smuggled"
SMUGGLED = head(len(ROWS), FOREIGN) + ROWS
# Whatever the next request on the connection is, its first line would end this value.
HALF = b"POST /double HTTP/1.1\r\nx-request-id: %s\r\nx: " % FOREIGN.encode()


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
    "chunks and length": Case(
        (chunked(CODED + b"content-length: %d\r\n" % len(CHUNKS), CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks in HTTP/1.0": Case(
        (
            chunked(b"connection: keep-alive\r\n" + CODED, CHUNKS + SMUGGLED).replace(
                b"HTTP/1.1", b"HTTP/1.0", 1
            ),
        ),
        (400,),
    ),
    "chunks after a tab": Case((chunked(b"transfer-encoding:\t chunked \r\n", CHUNKS),), (200,)),
    "chunks after a vertical tab": Case(
        (chunked(b"transfer-encoding: \vchunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks, space before the colon": Case(
        (chunked(b"transfer-encoding : chunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks on a folded line": Case(
        (chunked(b"transfer-encoding:\r\n chunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks in quotes": Case(
        (chunked(b'transfer-encoding: "chunked"\r\n', CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks with a parameter": Case(
        (chunked(b"transfer-encoding: chunked;a=b\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks after identity": Case(
        (chunked(b"transfer-encoding: identity, chunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks after a coding": Case(
        (chunked(b"transfer-encoding: gzip, chunked\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks after identity, on two lines": Case(
        (chunked(b"transfer-encoding: identity\r\n" + CODED, CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks, comma": Case(
        (chunked(b"transfer-encoding: chunked,\r\n", CHUNKS + SMUGGLED),), (400,)
    ),
    "chunks by a name with an underscore": Case(
        (
            chunked(
                b"transfer_encoding: chunked\r\ncontent-length: %d\r\n" % len(CHUNKS),
                CHUNKS,
            ),
        ),
        (400,),
    ),
    "chunk extension": Case(
        (chunked(CODED, CHUNKS.replace(b"\r\n", b';a=b;c="d"\r\n', 1)),), (200,)
    ),
    "chunk extension with a line feed": Case((chunked(CODED, b"5;\nab\r\n" + SMUGGLED),), (400,)),
    "chunk extension with a quoted line break": Case(
        (chunked(CODED, b'5;a="\r\n"\r\n' + SMUGGLED),), (400,)
    ),
    "chunk size with a sign": Case((chunked(CODED, b"+" + CHUNKS + SMUGGLED),), (400,)),
    "chunk size as a programmer's": Case((chunked(CODED, b"0x" + CHUNKS + SMUGGLED),), (400,)),
    "chunk longer than it says": Case((chunked(CODED, b"5\r\nabcdeXX" + SMUGGLED),), (400,)),
    "chunks with line feeds": Case(
        (chunked(CODED, CHUNKS.replace(b"\r\n", b"\n") + SMUGGLED),), (400,)
    ),
    "trailer": Case((chunked(CODED, CHUNKS[:-2] + b"x-request-id: two\r\n\r\n"),), (200,)),
    "trailer that is a length": Case(
        (chunked(CODED, CHUNKS[:-2] + b"content-length: 9\r\n\r\n" + SMUGGLED),), (400,)
    ),
    "line feeds alone": Case(
        ((head(len(ROWS), "one").replace(b"\r\n", b"\n")) + ROWS + SMUGGLED,), (400,)
    ),
    "carriage returns alone": Case(
        ((head(len(ROWS), "one").replace(b"\r\n", b"\r")) + ROWS + SMUGGLED,), (400,)
    ),
    "carriage return in a value": Case(
        (chunked(b"a: b\rcontent-length: 3\r\n", SMUGGLED),), (400,)
    ),
    "no colon": Case((chunked(b"content-length\r\n", SMUGGLED),), (400,)),
    "hidden in a body": Case((head(len(SMUGGLED), "one") + SMUGGLED,), (400,)),
    "hidden in a body that comes late": Case((head(len(SMUGGLED), "one"), SMUGGLED), (400,)),
    "hidden in chunks": Case(
        (chunked(CODED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),), (400,)
    ),
    "hidden in a body that nobody reads": Case(
        (head(len(SMUGGLED), "one", path="/nothing") + SMUGGLED,), (404,)
    ),
    "hidden in a late body that nobody reads": Case(
        (head(len(SMUGGLED), "one", path="/nothing"), SMUGGLED), (404,)
    ),
    "hidden in chunks that nobody reads": Case(
        (
            chunked(CODED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)).replace(
                b"/double", b"/nothing", 1
            ),
        ),
        (404,),
    ),
    "hidden in the body of a GET": Case(
        (head(len(SMUGGLED), "one", method="GET") + SMUGGLED,), (405,)
    ),
    "half a request in a body that nobody reads": Case(
        (head(len(HALF), "one", path="/nothing") + HALF,), (404,)
    ),
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
