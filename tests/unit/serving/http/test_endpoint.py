"""The fast path leaves nothing behind that only the garbage collector would find."""

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.codecs.json import JsonCodec
from serving.http.asgi import Message
from serving.http.endpoint import Endpoint
from serving.metrics import BatchMetrics, RouteMetrics
from serving.settings import Settings
from tests.server import toy_service

# The decorated class is a `bentoml.Service`, which its type does not tell.
TOY: Any = toy_service.Toy
REQUESTS = 50
ROW = {"value": 1}


@asynccontextmanager
async def endpoint(
    method: str, predict: Any = None, max_queue_rows: int = 1_000
) -> AsyncIterator[Endpoint]:
    """The endpoint of one of the toy service's methods, or of what stands for it."""
    api = TOY.apis[method]
    threads = Threads(1)
    batcher = Batcher(
        computation(predict or partial(api.func, TOY.inner())),
        Limits(max_batch_rows=1, max_queue_rows=max_queue_rows, max_latency=60, timeout=60),
        threads,
        BatchMetrics(),
    )
    settings, metrics = Settings(), RouteMetrics((), changed=lambda: None)
    prediction = Prediction(api, batcher, "", settings.max_rows)
    yield Endpoint(prediction, JsonCodec(prediction), settings, metrics)
    threads.close()


async def ask(target: Endpoint, rows: list[dict[str, Any]]) -> int:
    """Sends one request and returns the status of its answer."""
    body = json.dumps({"rows": rows}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    statuses: list[int] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-type", b"application/json")]
    await target({"type": "http", "method": "POST", "headers": headers}, receive, send)
    return statuses[0]


async def garbage(target: Endpoint, rows: list[dict[str, Any]], status: int) -> int:
    """Objects that many requests leave for the collector."""
    assert await ask(target, rows) == status
    gc.collect()
    for _ in range(REQUESTS):
        assert await ask(target, rows) == status
    return gc.collect()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    ("rows", "status"), [([ROW], 200), ([{"value": "x"}], 400), ([{**ROW, "fail": True}], 500)]
)
def test_an_idle_service_leaves_no_cycles(rows: list[dict[str, Any]], status: int) -> None:
    async def run() -> int:
        async with endpoint("pick") as target:
            return await garbage(target, rows, status)

    assert asyncio.run(run()) < REQUESTS


@pytest.mark.usefixtures("no_collector")
def test_refusing_under_load_leaves_no_cycles() -> None:
    gate = threading.Event()

    def wait_at_the_gate(rows: list[Any]) -> list[float]:
        gate.wait(60)
        return [0.0 for _ in rows]

    async def run() -> int:
        async with endpoint("sleep", wait_at_the_gate, max_queue_rows=1) as target:
            busy = []
            for _ in ("computed", "queued"):
                busy.append(asyncio.ensure_future(ask(target, [ROW])))
                # A few turns of the loop take it to where it waits.
                for _ in range(10):
                    await asyncio.sleep(0)
            found = await garbage(target, [ROW], 503)
            gate.set()
            await asyncio.gather(*busy)
            return found

    assert asyncio.run(run()) < REQUESTS
