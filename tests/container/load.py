"""Constant load: requests leave when they are due, however long earlier ones take."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc
from google.protobuf.message_factory import GetMessageClass

from framework import Model
from tests.contract.expected import close
from tests.contract.surfaces import plain

TOLERANCE = 1e-9
TICK_SECONDS = 0.005
CALLERS = 32  # and connections


@dataclass(frozen=True)
class Answer:
    """What one request was answered: the model's tag, and the body."""

    tag: str
    body: bytes


Call = Callable[[], Awaitable[Answer]]
Expected = dict[str, list[dict[str, Any]]]  # model tag → what that model says of the rows


@dataclass
class Load:
    """Sends a request again and again and checks every answer.

    Args:
        call: Sends one request.
        is_right: Whether an answer's rows are all what the model it names says of them.
    """

    call: Call
    is_right: Callable[[Answer], bool]
    sent: int = 0
    tags: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    _right: set[Answer] = field(default_factory=set)

    async def capacity(self, seconds: float) -> float:
        """Returns the requests a second that as many callers as useful get answered."""
        end = time.monotonic() + seconds
        before = self.sent

        async def caller() -> None:
            while time.monotonic() < end:
                await self._request(time.monotonic())

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return (self.sent - before) / seconds

    @contextlib.asynccontextmanager
    async def constant(self, rate: float) -> AsyncIterator[None]:
        """Sends `rate` requests a second while the block runs, and awaits their answers."""
        stop = asyncio.Event()
        sender = asyncio.create_task(self._send(rate, stop))
        try:
            yield
        finally:
            stop.set()
            await sender

    async def _send(self, rate: float, stop: asyncio.Event) -> None:
        started, due = time.monotonic(), 0
        async with asyncio.TaskGroup() as requests:
            while not stop.is_set():
                now = time.monotonic()
                while started + due / rate <= now:
                    requests.create_task(self._request(started + due / rate))
                    due += 1
                await asyncio.sleep(TICK_SECONDS)

    async def _request(self, due: float) -> None:
        self.sent += 1
        try:
            answer = await self.call()
        except Exception as error:  # noqa: BLE001 (whatever goes wrong is a failed request)
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        self.latencies.append(time.monotonic() - due)
        self.tags[answer.tag] += 1
        # Right answers of one model are alike, byte for byte: each is looked into once.
        if answer not in self._right:
            if self.is_right(answer):
                self._right.add(answer)
            else:
                self.failures.append(f"wrong answer of {answer.tag}: {answer.body!r}")


def is_right(rows: list[Any], answer: Answer, expected: Expected) -> bool:
    """Whether the rows of an answer are what the model that it names says."""
    return close(rows, expected[answer.tag], TOLERANCE)


@contextlib.asynccontextmanager
async def http_load(
    url: str, model: Model[Any, Any], rows: list[Any], expected: Expected
) -> AsyncIterator[Load]:
    """Load of requests to a model over HTTP, each with many rows."""
    body = json.dumps({model.rows: rows}).encode()
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CALLERS)

    async with aiohttp.ClientSession(connector=connector) as session:

        async def call() -> Answer:
            async with session.post(
                f"{url}/{model.name}/predict", data=body, headers=headers
            ) as response:
                answer = await response.read()
                assert response.status == 200, f"{response.status}: {answer!r}"
                return Answer(response.headers["X-Model-Tag"], answer)

        yield Load(call, lambda answer: is_right(json.loads(answer.body), answer, expected))


@contextlib.asynccontextmanager
async def grpc_load(
    address: str, model: Model[Any, Any], rows: list[Any], expected: Expected
) -> AsyncIterator[Load]:
    """The same over gRPC, all calls in one connection."""
    assert model.descriptor is not None, "`make protos` has made no stubs of it"
    (service,) = model.descriptor.services_by_name.values()
    method = service.methods_by_name["Predict"]
    body = GetMessageClass(method.input_type)(**{model.rows: rows}).SerializeToString()
    response_type = GetMessageClass(method.output_type)

    def right(answer: Answer) -> bool:
        predictions = response_type.FromString(answer.body).predictions  # type: ignore[attr-defined]
        return is_right([plain(one) for one in predictions], answer, expected)

    async with grpc.aio.insecure_channel(address) as channel:
        predict: Any = channel.unary_unary(f"/{service.full_name}/{method.name}")

        async def call() -> Answer:
            response = predict(body, timeout=30)
            answer = await response
            metadata = dict(await response.initial_metadata() or ())
            metadata |= dict(await response.trailing_metadata() or ())
            return Answer(str(metadata["x-model-tag"]), answer)

        yield Load(call, right)
