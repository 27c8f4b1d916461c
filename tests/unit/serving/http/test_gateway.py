"""What surrounds every application: reading a request, naming the answer, one form of error."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from serving.errors import Code, ServingError
from serving.http.asgi import (
    JSON,
    App,
    ClientGoneError,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    request_id,
    require_content_type,
)
from serving.http.envelope import Envelope
from serving.http.gateway import UNMATCHED, _replay, _template

LIMIT = 10


def chunk(body: bytes, *, more: bool = False) -> Message:
    """One part of a request body."""
    return {"type": "http.request", "body": body, "more_body": more}


LEFT: Message = {"type": "http.disconnect"}


def receiver(messages: Sequence[Message]) -> Receive:
    """A `receive` that gives these messages and no more."""
    pending = iter(messages)

    async def receive() -> Message:
        return next(pending)

    return receive


def read(messages: Sequence[Message], content_length: str | None = None) -> bytes:
    """Reads a body that comes in these messages."""
    headers = {b"content-length": content_length.encode()} if content_length else {}
    return asyncio.run(read_body(headers, receiver(messages), LIMIT))


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"1234567890")],
        [chunk(b"12345", more=True), chunk(b"67890")],
        [chunk(b"", more=True), chunk(b"1234567890", more=True), chunk(b"")],
        [chunk(bytes([digit]), more=digit != b"0"[0]) for digit in b"1234567890"],
    ],
)
def test_a_body_in_chunks_is_read_whole(chunks: list[Message]) -> None:
    assert read(chunks) == b"1234567890"
    assert read(chunks, content_length="10") == b"1234567890"


def test_a_request_without_body_reads_as_empty() -> None:
    assert read([{"type": "http.request"}]) == b""


@pytest.mark.parametrize(
    ("chunks", "content_length"),
    [
        ([chunk(b"1" * 11)], None),
        ([chunk(b"1" * 11)], "11"),
        ([chunk(b"1", more=True)], "11"),
        ([chunk(b"123456", more=True), chunk(b"78901", more=True)], None),
        ([chunk(b"1234567890", more=True), chunk(b"1")], None),
    ],
)
def test_reading_stops_at_the_limit(chunks: list[Message], content_length: str | None) -> None:
    # A further call of `receive` would fail: nothing is read beyond what decides.
    with pytest.raises(ServingError, match="exceeds 10 bytes") as refused:
        read(chunks, content_length)

    assert refused.value.code is Code.PAYLOAD_TOO_LARGE


@pytest.mark.parametrize("before", [[], [chunk(b"1", more=True)]])
def test_a_client_that_leaves_early_is_noticed(before: list[Message]) -> None:
    with pytest.raises(ClientGoneError):
        read([*before, LEFT])


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json ;a=b"]
)
def test_json_is_allowed_in_every_spelling(content_type: str) -> None:
    require_content_type({b"content-type": content_type.encode()}, JSON)


def test_a_missing_content_type_is_taken_for_json() -> None:
    require_content_type({}, JSON)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/vnd.bentoml+pickle", "", "json", "application/json-seq", "*/*"],
)
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(ServingError) as refused:
        require_content_type({b"content-type": content_type.encode()}, JSON)

    assert refused.value.code is Code.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize("given", ["order-66/a", "A" * 128, "00:1f.b_2+c=@d"])
def test_a_harmless_request_id_is_kept(given: str) -> None:
    assert request_id(given.encode()) == given


@pytest.mark.parametrize("given", [b"", b"a b", b'a"b', b"a\r\nb", b"\xc3\xa9", b"A" * 129])
def test_a_request_id_that_could_forge_a_log_line_is_replaced(given: bytes) -> None:
    assert request_id(given) not in (given.decode("latin-1"), "")


def test_request_ids_differ() -> None:
    made = [request_id(None) for _ in range(1_000)]

    assert len(set(made)) == len(made)


class Exchange:
    """Sends one request through an application in an envelope and keeps what comes out."""

    def __init__(self, app: App) -> None:
        self.sent: list[Message] = []

        async def send(message: Message) -> None:
            self.sent.append(message)

        envelope = Envelope(send, [(b"x-request-id", b"id-7"), (b"x-model-tag", b"toy:1")], "id-7")
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}

        async def run() -> None:
            try:
                await app(scope, receiver([chunk(b"")]), envelope.send)
            except LookupError:
                await envelope.fail(ServingError(Code.INTERNAL))

        asyncio.run(run())
        self.counted = envelope.status
        self.status: int = self.sent[0]["status"]
        self.headers = [(name.decode(), value.decode()) for name, value in self.sent[0]["headers"]]
        self.body = b"".join(message["body"] for message in self.sent[1:])

    @property
    def error(self) -> Any:
        """The error that was answered, after a look at its form."""
        content = json.loads(self.body)
        assert content.keys() == {"error", "code", "detail", "request_id"}
        assert content["request_id"] == "id-7"
        assert ("content-type", "application/json") in self.headers
        assert ("content-length", str(len(self.body))) in self.headers
        assert [value for name, value in self.headers if name == "x-request-id"] == ["id-7"]
        return content


def test_a_success_passes_and_is_named() -> None:
    exchange = Exchange(PlainTextResponse("fine", headers={"a": "b"}))

    assert (exchange.status, exchange.counted, exchange.body) == (200, 200, b"fine")
    assert {("a", "b"), ("x-request-id", "id-7"), ("x-model-tag", "toy:1")} <= {*exchange.headers}


@pytest.mark.parametrize("status", [404, 409, 500])
def test_an_applications_error_passes_as_it_is_and_is_named(status: int) -> None:
    exchange = Exchange(PlainTextResponse("no luck", status, headers={"ETag": "x"}))

    assert (exchange.status, exchange.counted, exchange.body) == (status, status, b"no luck")
    assert {("etag", "x"), ("x-request-id", "id-7"), ("x-model-tag", "toy:1")} <= {
        *exchange.headers
    }


def test_an_applications_own_request_id_stays() -> None:
    exchange = Exchange(Response(b"", 404, headers={"X-Request-ID": "inner"}))

    assert [value for name, value in exchange.headers if name == "x-request-id"] == ["inner"]
    assert ("x-model-tag", "toy:1") in exchange.headers


def test_an_exception_is_answered_without_its_text() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("a secret")

    exchange = Exchange(fail)

    assert exchange.error["code"] == "internal"
    assert b"secret" not in exchange.body


def test_an_exception_after_the_start_of_an_answer_adds_nothing_to_it() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError("too late to tell")

    exchange = Exchange(fail)

    assert (exchange.status, len(exchange.sent)) == (200, 1)


def test_a_body_that_was_read_is_replayed_before_what_follows() -> None:
    async def received() -> list[Message]:
        receive = _replay(b"{}", receiver([LEFT]))
        return [await receive(), await receive()]

    assert asyncio.run(received()) == [chunk(b"{}"), LEFT]


async def nothing(request: Request) -> Response:
    """Answers nothing; only its route is looked at."""
    return Response()


ROUTES = Starlette(
    routes=[
        Route("/predict", nothing, methods=["POST"]),
        Mount("/admin", Starlette(routes=[Route("/users/{name}", nothing)])),
        Mount("/static", Response()),
        Mount("/", Starlette(routes=[Route("/models/{name}", nothing), Route("/", nothing)])),
    ]
).routes


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("POST", "/predict", "/predict"),
        ("GET", "/predict", "/predict"),
        ("GET", "/admin/users/ann", "/admin/users/{name}"),
        ("GET", "/models/ann", "/models/{name}"),
        ("GET", "/static/a/b.js", "/static"),
        ("GET", "/", "/"),
        ("GET", "/wp-login.php", UNMATCHED),
        ("GET", "/models/ann/bob", UNMATCHED),
        ("GET", "/admin/../etc/passwd", UNMATCHED),
    ],
)
def test_a_path_is_known_by_the_template_of_its_route(
    method: str, path: str, template: str
) -> None:
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}

    assert _template(scope, ROUTES) == template
