"""The measure of how long a request holds the event loop up."""

import asyncio
import json
import time

import pytest

from load_tests.holding import ROWS, longest_turn, requests
from load_tests.roles import MODELS, AnyModel
from serving.http.asgi import Message, Receive, Scope, Send

HELD_SECONDS = 0.05


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def holds(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    end = time.process_time() + HELD_SECONDS
    while time.process_time() < end:
        pass
    await _answer(send, 200)


async def waits(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await asyncio.sleep(HELD_SECONDS)
    await _answer(send, 418)


def test_a_turn_lasts_as_long_as_its_work_and_no_longer() -> None:
    status, seconds = asyncio.run(longest_turn(holds, "/x", b"{}"))
    assert status == 200
    assert seconds >= HELD_SECONDS
    status, seconds = asyncio.run(longest_turn(waits, "/x", b"{}"))
    assert status == 418
    assert seconds < HELD_SECONDS


def test_the_application_gets_the_whole_request() -> None:
    seen: list[tuple[Scope, Message]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, await receive()))
        await _answer(send, 200)

    asyncio.run(longest_turn(app, "/x", b"abc", [(b"content-type", b"text/plain")]))
    ((scope, message),) = seen
    assert (scope["path"], message["body"]) == ("/x", b"abc")
    assert scope["headers"] == [(b"content-type", b"text/plain"), (b"content-length", b"3")]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_binary_columns_are_described_by_their_head(model: AnyModel) -> None:
    (asked,) = [one for one in requests(model) if one.name == "the most rows as binary columns"]
    body = asked.body()
    length = int(dict(asked.headers)[b"inference-header-content-length"])
    inputs = json.loads(body[:length])["inputs"]
    assert [one["shape"] for one in inputs] == [[ROWS]] * len(model.sample[0])
    assert length + sum(one["parameters"]["binary_data_size"] for one in inputs) == len(body)
