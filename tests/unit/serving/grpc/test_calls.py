"""One call: where it is parsed, and that a refused one leaves no garbage."""

import asyncio
import gc
import threading
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from serving.access.door import OpenDoor
from serving.beside import LARGE_BYTES
from serving.errors import Code, ServingError
from serving.grpc.call import Call, RpcMethod
from serving.grpc.calls import Calls
from serving.grpc.status import status_bytes
from serving.logs import RouteLog
from serving.settings import load_settings

CALLS = 50


class Context:
    """Stands for gRPC's, whose client in the same process would leave garbage of its own."""

    def __init__(self) -> None:
        self.code: Any = None
        self.trailers: dict[str, Any] = {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("user-agent", "test"), ("x-request-id", "order-66"))

    def peer(self) -> str:
        return "ipv4:192.0.2.1:4711"

    def time_remaining(self) -> float | None:
        return None

    def set_code(self, code: Any) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        assert details

    def set_trailing_metadata(self, metadata: tuple[tuple[str, Any], ...]) -> None:
        self.trailers = dict(metadata)


class NoMetrics:
    """Counts nothing."""

    log = RouteLog("/toy.v1.ToyService/Sleep", "toy:1", "grpc", accesses=False)
    tracing = None

    def route(self, *labels: str) -> "NoMetrics":
        return self

    def answered(self, status: int, seconds: float) -> None:
        assert status in (200, 503)


async def refuse(_: Empty, call: Call) -> bytes:
    """Fails behind a wait, as a request in the queue does."""
    failing = asyncio.get_running_loop().create_future()
    failing.set_exception(ServingError(Code.OVERLOADED, headers=[("retry-after", "3")]))
    call.model_tag = "toy:1"
    try:
        await failing
    finally:
        del failing
    return b""


@pytest.mark.usefixtures("no_collector")
def test_refusals_leave_no_garbage() -> None:
    async def run() -> int:
        calls: Any = Calls(NoMetrics(), OpenDoor(), {})  # type: ignore[arg-type]
        toy = RpcMethod(Empty.FromString, refuse)
        method = calls.method("/toy", {"/toy": toy}).unary_unary
        gc.collect()
        for _ in range(CALLS):
            context = Context()
            assert await method(b"", context) is None
            assert context.code is Code.OVERLOADED.grpc_status
            assert context.trailers["x-model-tag"] == "toy:1"
            assert context.trailers["x-request-id"] == "order-66"
        await calls.ended()
        return gc.collect()

    assert asyncio.run(run()) < CALLS


def test_a_status_stays_small_enough_for_the_trailers() -> None:
    details = [{"loc": ("rows", row, "x" * 50), "msg": "y" * 200, "type": "t"} for row in range(99)]

    status = Status.FromString(status_bytes(ServingError.from_details(details)))

    assert status.message.endswith("(and 98 more errors)")
    assert 1_000 < status.ByteSize() < 6_000
    assert len(ServingError.from_details(details).detail) == load_settings().max_problems


@pytest.mark.parametrize(("size", "on_loop"), [(LARGE_BYTES - 1, True), (LARGE_BYTES, False)])
def test_a_large_message_is_parsed_beside_the_loop(size: int, on_loop: bool) -> None:
    places = []

    def parse(body: bytes) -> bytes:
        places.append(threading.current_thread() is threading.main_thread())
        return body

    async def answer(request: bytes, call: Call) -> bytes:
        assert len(request) == call.size == size
        return b""

    async def run() -> None:
        calls: Any = Calls(NoMetrics(), OpenDoor(), {})  # type: ignore[arg-type]
        method = calls.method("/toy", {"/toy": RpcMethod(parse, answer)}).unary_unary
        assert await method(b" " * size, Context()) == b""

    asyncio.run(run())
    assert places == [on_loop]
