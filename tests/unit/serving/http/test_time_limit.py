"""An answer of BentoML's application begins in time, and its request is forgotten."""

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest

from serving.http.asgi import App, Message
from serving.http.time_limit import TimeLimit


class Body:
    """Something of a request that can be seen to go."""


kept: ContextVar[Body] = ContextVar("kept")


async def nothing() -> Message:
    """Receives nothing."""
    return {"type": "http.disconnect"}


def asked(app: App, timeout: float, scope: dict[str, Any] | None = None) -> list[Message]:
    """What an application sends."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await TimeLimit(app, timeout)({"type": "http", **(scope or {})}, nothing, send)

    asyncio.run(ask())
    return sent


def test_an_answer_that_begins_in_time_may_take_longer() -> None:
    async def slow(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"late"})

    _, body = asked(slow, 0.05)

    assert body["body"] == b"late"


def test_one_that_does_not_is_given_up() -> None:
    ended = []

    async def hanging(_: Any, __: Any, ___: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    start, body = asked(hanging, 0.05)

    assert start["status"] == 504
    assert body["body"] == b'{"error":"Not able to process the request in 0.05 seconds"}'
    assert ended == [True]


def test_what_the_application_raises_is_raised() -> None:
    async def broken(_: Any, __: Any, ___: Any) -> None:
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        asked(broken, 10)


def test_what_is_no_request_has_no_time_limit() -> None:
    async def lifespan(_: Any, __: Any, send: Any) -> None:
        await asyncio.sleep(0.1)
        await send({"type": "lifespan.startup.complete"})

    assert asked(lifespan, 0.05, {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]


def test_a_request_is_forgotten_with_its_answer() -> None:
    async def answer(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask() -> bool:
        body = Body()
        seen = weakref.ref(body)

        async def send(_: Message) -> None:
            assert seen() is not None

        async def one(body: Body) -> None:
            # As spans are kept, and the models of this moment.
            kept.set(body)
            await TimeLimit(answer, 60)({"type": "http"}, nothing, send)

        await asyncio.create_task(one(body))
        del body
        await asyncio.sleep(0)
        gc.collect()
        return seen() is None

    assert asyncio.run(ask())
