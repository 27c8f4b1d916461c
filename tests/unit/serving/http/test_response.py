"""Whole responses as ASGI's messages, wherever they cannot be written at once."""

import asyncio
import json

from serving.errors import Code, ServingError
from serving.http.asgi import Headers, Message
from serving.http.response import answer, answer_error


def sent(status: int, headers: Headers, body: bytes) -> list[Message]:
    """The messages of an answer, over something else than uvicorn's own `send`."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(answer(send, status, headers, body))
    return messages


def test_an_answer_tells_its_length() -> None:
    start, body = sent(200, [(b"x-request-id", b"7")], b"12345")

    assert start["status"] == 200
    assert start["headers"] == [(b"x-request-id", b"7"), (b"content-length", b"5")]
    assert body["body"] == b"12345"
    assert not body.get("more_body")


def test_an_error_has_the_envelope_its_own_headers_and_the_identity() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    error = ServingError(Code.OVERLOADED, headers=[("retry-after", "3")])
    status = asyncio.run(answer_error(send, error, [(b"x-request-id", b"7")], "7"))

    start, body = messages
    headers = dict(start["headers"])
    assert status == start["status"] == 503
    assert headers[b"retry-after"] == b"3"
    assert headers[b"x-request-id"] == b"7"
    assert headers[b"content-type"] == b"application/json"
    assert json.loads(body["body"])["request_id"] == "7"
