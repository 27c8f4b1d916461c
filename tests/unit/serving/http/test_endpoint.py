"""The fast path: where it reads and writes, and that it leaves nothing to the collector."""

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import bentoml
import pytest

from framework import Bundle
from serving.access.door import OpenDoor
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.prediction import Prediction
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.beside import MANY_ROWS, SLOW_BYTES
from serving.codecs.json import JsonCodec
from serving.codecs.tensors import TensorCodec
from serving.counts import BatchMetrics, RouteMetrics
from serving.http.asgi import JSON, Message
from serving.http.endpoint import Endpoint, HttpCodec
from serving.logs import RouteLog
from serving.open_inference.model import InferenceModel
from serving.settings import Settings
from serving.turn import TURN_BYTES
from tests.server import toy_service
from tests.server.toy_models import gauges
from tests.server.toy_models.gauges import Estimate, Gauge
from tests.unit.framework.fitted import card_of

# The decorated class is a `bentoml.Service`, which its type does not tell.
TOY: Any = toy_service.Toy
LOG = RouteLog("/wine/predict", "wine:1", "http", accesses=False)
REQUESTS = 50
ROW = {"value": 1}


GAUGES = gauges.MODEL
BUNDLE = Bundle(GAUGES, "gauges:1", card_of(GAUGES, ()), GAUGES.formula)


@bentoml.service
class Gauging:
    """The API of a model."""

    @bentoml.api(route="/gauges/predict", input_spec=GAUGES.request, batchable=True)
    def predict(self, gauges: list[Gauge]) -> list[Estimate]:
        """Answers as the model does."""
        return BUNDLE.predict(gauges)


@asynccontextmanager
async def endpoint(
    method: str, predict: Any = None, max_queue_rows: int = 1_000
) -> AsyncIterator[Endpoint]:
    """The endpoint of one of the toy service's methods, or of what stands for it."""
    predict = predict or partial(TOY.apis[method].func, TOY.inner())
    async with prediction_of(TOY.apis[method], predict, max_queue_rows) as prediction:
        yield endpoint_of(prediction, JsonCodec(prediction))


def endpoint_of(prediction: Prediction, codec: HttpCodec) -> Endpoint:
    """An endpoint."""
    return Endpoint(
        prediction, codec, Settings(), RouteMetrics((), lambda: None, LOG), OpenDoor(), None
    )


@asynccontextmanager
async def prediction_of(
    api: Any, predict: Any, max_queue_rows: int = 1_000, bundle: Any = None
) -> AsyncIterator[Prediction]:
    """An API behind a batcher."""
    batcher = Batcher(
        computation(predict),
        Limits(max_batch_rows=1, max_queue_rows=max_queue_rows, max_latency=60, timeout=60),
        Threads(1),
        BatchMetrics(),
    )
    yield Prediction(api, batcher, "", Settings().max_rows, bundle)


def rows_body(rows: list[dict[str, Any]]) -> bytes:
    """Body of a request to the toy service."""
    return json.dumps({"rows": rows}).encode()


def gauges_body(row: dict[str, Any]) -> bytes:
    """Body of a request of one gauge as a row."""
    return json.dumps({"gauges": [row]}).encode()


def tensors_body(row: dict[str, Any]) -> bytes:
    """Body of a request of one gauge as tensors."""
    datatypes = {"level": "FP64", "count": "FP64", "flag": "FP64", "grade": "BYTES"}
    inputs = [
        {"name": name, "datatype": datatype, "shape": [1], "data": [row[name]]}
        for name, datatype in datatypes.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


async def ask(target: Endpoint, body: bytes) -> int:
    """Sends one request and returns the status of its answer."""
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


async def ask_directly(target: Endpoint, body: bytes) -> int:
    """Has one request taken, and returns the status of its answer."""
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.set_result(message["status"])

    assert target.take({"headers": [(b"content-type", JSON)]}, bytearray(body), receive, send)
    return await status


Ask = Callable[[Endpoint, bytes], Awaitable[int]]
each_way = pytest.mark.parametrize("way", [ask, ask_directly])


async def garbage(target: Endpoint, body: bytes, status: int, way: Ask = ask) -> int:
    """Objects that many requests leave for the collector."""
    assert await way(target, body) == status
    gc.collect()
    for _ in range(REQUESTS):
        assert await way(target, body) == status
    return gc.collect()


@pytest.mark.usefixtures("no_collector")
@each_way
@pytest.mark.parametrize(
    ("rows", "status"), [([ROW], 200), ([{"value": "x"}], 400), ([{**ROW, "fail": True}], 500)]
)
def test_an_idle_service_leaves_no_cycles(
    rows: list[dict[str, Any]], status: int, way: Ask
) -> None:
    async def run() -> int:
        async with endpoint("pick") as target:
            return await garbage(target, rows_body(rows), status, way)

    assert asyncio.run(run()) < REQUESTS


GAUGE = {"level": 1.0, "count": None, "flag": None, "grade": None}


@pytest.mark.usefixtures("no_collector")
@each_way
@pytest.mark.parametrize("by", ["rows", "tensors"])
@pytest.mark.parametrize(
    ("changes", "status"), [({}, 200), ({"grade": "x"}, 400), ({"level": gauges.BROKEN}, 500)]
)
def test_a_model_leaves_no_cycles(by: str, changes: dict[str, Any], status: int, way: Ask) -> None:
    api: Any = Gauging.apis["predict"]  # type: ignore[attr-defined]

    async def run() -> int:
        predict = partial(api.func, None)
        async with prediction_of(api, predict, bundle=BUNDLE) as prediction:
            if by == "rows":
                target = endpoint_of(prediction, JsonCodec(prediction))
                return await garbage(target, gauges_body({**GAUGE, **changes}), status, way)
            model = InferenceModel.of(BUNDLE, prediction)
            target = endpoint_of(prediction, TensorCodec(model))
            return await garbage(target, tensors_body({**GAUGE, **changes}), status, way)

    assert asyncio.run(run()) < REQUESTS


@pytest.mark.usefixtures("no_collector")
@each_way
def test_refusing_under_load_leaves_no_cycles(way: Ask) -> None:
    gate = threading.Event()

    def wait_at_the_gate(rows: list[Any]) -> list[float]:
        gate.wait(60)
        return [0.0 for _ in rows]

    async def run() -> int:
        async with endpoint("sleep", wait_at_the_gate, max_queue_rows=1) as target:
            busy = []
            for _ in ("computed", "queued"):
                busy.append(asyncio.ensure_future(ask(target, rows_body([ROW]))))
                # A few turns of the loop take it to where it waits.
                for _ in range(10):
                    await asyncio.sleep(0)
            found = await garbage(target, rows_body([ROW]), 503, way)
            gate.set()
            await asyncio.gather(*busy)
            return found

    assert asyncio.run(run()) < REQUESTS


class Watched(JsonCodec):
    """A codec that records where it works."""

    on_loop: list[bool]

    def read(self, body: bytes, headers: dict[bytes, bytes]) -> Any:
        """See `JsonCodec`."""
        self.on_loop = [threading.current_thread() is threading.main_thread()]
        return super().read(body, headers)

    def write(self, answers: Any, asked: None) -> Any:
        """See `JsonCodec`."""
        self.on_loop.append(threading.current_thread() is threading.main_thread())
        return super().write(answers, asked)


@pytest.mark.parametrize(
    ("body", "reads_on_loop", "writes_on_loop"),
    [
        (rows_body([ROW]), True, True),
        (rows_body([ROW]).ljust(SLOW_BYTES - 1), True, True),
        # Rows that are no model's are pydantic's alone to read.
        (rows_body([ROW]).ljust(SLOW_BYTES), False, True),
        (rows_body([ROW] * MANY_ROWS), False, False),
    ],
)
def test_what_is_large_is_read_and_written_beside_the_loop(
    body: bytes, reads_on_loop: bool, writes_on_loop: bool
) -> None:
    async def run() -> list[bool]:
        api = TOY.apis["double"]
        predict = partial(api.func, TOY.inner())
        async with prediction_of(api, predict, max_queue_rows=MANY_ROWS) as prediction:
            codec = Watched(prediction)
            assert await ask(endpoint_of(prediction, codec), body) == 200
            return codec.on_loop

    assert asyncio.run(run()) == [reads_on_loop, writes_on_loop]


@pytest.mark.usefixtures("no_collector")
def test_refusing_large_bodies_leaves_no_cycles() -> None:
    async def run() -> int:
        async with endpoint("pick") as target:
            return await garbage(target, rows_body([{"value": "x"}]).ljust(SLOW_BYTES), 400)

    assert asyncio.run(run()) < REQUESTS


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, rows_body([ROW]).ljust(TURN_BYTES)),
        ({b"content-encoding": b"gzip"}, rows_body([ROW])),
        ({b"expect": b"100-continue"}, rows_body([ROW])),
    ],
    ids=["large", "compressed", "expecting"],
)
def test_what_wants_more_than_an_answer_is_left_to_the_application(
    fields: dict[bytes, bytes], body: bytes
) -> None:
    async def untouched(*_: Any) -> Any:
        raise AssertionError("nothing is to be done")

    async def run() -> bool:
        async with endpoint("pick") as target:
            headers = [(b"content-type", JSON), *fields.items()]
            return target.take({"headers": headers}, bytearray(body), untouched, untouched)

    assert not asyncio.run(run())


def test_a_client_that_leaves_before_its_answer_is_counted() -> None:
    gate = threading.Event()

    def wait_at_the_gate(rows: list[Any]) -> list[float]:
        gate.wait(60)
        return [0.0 for _ in rows]

    async def run() -> dict[int, int]:
        left, counted = asyncio.Event(), asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            raise AssertionError("nobody is there")

        api = TOY.apis["sleep"]
        async with prediction_of(api, wait_at_the_gate) as prediction:
            metrics = RouteMetrics((), counted.set, LOG)
            target = Endpoint(
                prediction, JsonCodec(prediction), Settings(), metrics, OpenDoor(), None
            )
            scope = {"headers": [(b"content-type", JSON)]}
            assert target.take(scope, bytearray(rows_body([ROW])), receive, send)
            assert metrics.in_progress == 1
            await asyncio.sleep(0)
            left.set()
            await asyncio.wait_for(counted.wait(), 10)
            gate.set()
            assert metrics.in_progress == 0
            return {status: sum(one.counts) for status, one in metrics.by_status.items()}

    assert asyncio.run(run()) == {499: 1}
