"""The gateway, around a small application."""

import asyncio
import logging
from typing import Any

import pytest

from serving.gateway import Gateway, Message, Receive, Scope, Send
from serving.settings import Settings

LIMIT = 10


class Exchange:
    """Sends one request through a gateway and keeps what comes out."""

    def __init__(self, app: Any, chunks: list[Message], headers: dict[str, str]) -> None:
        self.sent: list[Message] = []
        gateway = Gateway(app, {"/predict": "toy:1"}, Settings(max_body_bytes=LIMIT))
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        pending = iter(chunks)

        async def receive() -> Message:
            return next(pending)

        async def send(message: Message) -> None:
            self.sent.append(message)

        asyncio.run(gateway(scope, receive, send))

    @property
    def status(self) -> int:
        """Status of the answer."""
        status: int = self.sent[0]["status"]
        return status


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body it was sent."""
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def chunk(body: bytes, *, more: bool = False) -> Message:
    """One part of a request body."""
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_chunks_reaches_the_application_whole() -> None:
    exchange = Exchange(echo, [chunk(b"12345", more=True), chunk(b"67890")], {})

    assert exchange.status == 200
    assert exchange.sent[1]["body"] == b"1234567890"
    assert (b"x-model-tag", b"toy:1") in exchange.sent[0]["headers"]


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([], {"content-length": "11"}),
        ([chunk(b"123456", more=True), chunk(b"78901", more=True)], {}),
    ],
)
def test_reading_stops_at_the_limit(chunks: list[Message], headers: dict[str, str]) -> None:
    assert Exchange(echo, chunks, headers).status == 413


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/vnd.bentoml+pickle", 415),
        ("", 415),
    ],
)
def test_content_types_are_allowed_by_name(content_type: str, status: int) -> None:
    assert Exchange(echo, [chunk(b"{}")], {"content-type": content_type}).status == status


def test_a_client_that_leaves_early_is_not_answered() -> None:
    exchange = Exchange(echo, [chunk(b"1", more=True), {"type": "http.disconnect"}], {})

    assert exchange.sent == []


def test_an_exception_is_logged_with_the_request_id_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("a secret")

    with caplog.at_level(logging.ERROR):
        exchange = Exchange(fail, [chunk(b"{}")], {"x-request-id": "id-7"})

    assert exchange.status == 500
    assert b"secret" not in exchange.sent[1]["body"]
    assert b'"request_id":"id-7"' in exchange.sent[1]["body"]
    assert "id-7" in caplog.text
    assert "LookupError: a secret" in caplog.text
