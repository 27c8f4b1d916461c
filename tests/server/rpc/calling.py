"""Calling the service and a toy service over gRPC."""

import contextlib
import importlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc

from framework import Model
from tests.processes import Server
from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.asked import MODELS, body_of
from tests.server.watching import Scrape, wait

TOY = "tests.server.rpc_toy:RpcToy"
SERVICES: dict[str, ServiceDescriptor] = {
    name: service
    for name, model in MODELS.items()
    if model.descriptor is not None
    for service in model.descriptor.services_by_name.values()
}
"""The gRPC service of each model whose stubs have been made."""

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
QUEUE_ROWS = 12


@dataclass
class Toy:
    """The toy service and stubs of it."""

    server: Server
    channel: grpc.Channel

    def sleep(
        self, name: str, seconds: float = 0, rows: int = 1, deadline: float = 30
    ) -> "grpc.Future[Any]":
        """Starts a call whose rows take the model some time."""
        request = toy_pb2.RowsRequest(rows=[{"name": name, "seconds": seconds}] * rows)
        stub = toy_pb2_grpc.ToyServiceStub(self.channel)
        future: grpc.Future[Any] = stub.Sleep.future(request, timeout=deadline)
        return future

    def batches(self) -> list[list[str]]:
        """Names of the rows of every batch so far."""
        batches: list[list[str]] = httpx.post(f"{self.server.url}/toy/batches", json={}).json()
        return batches

    def computed(self, name: str) -> bool:
        """Whether a row of this name has reached the model."""
        return any(name in batch for batch in self.batches())

    def occupy(self, seconds: float) -> "grpc.Future[Any]":
        """Occupies the model; returns when it is occupied."""
        name = uuid.uuid4().hex
        sleeping = self.sleep(name, seconds)
        wait(lambda: self.computed(name), "the model was not occupied")
        return sleeping

    def queued_rows(self) -> float:
        """Rows waiting for the model."""
        return Scrape(self.server).total("model_server_queue_rows", route="/toy/sleep")


@contextlib.contextmanager
def toy(**environment: str) -> Iterator[Toy]:
    """Starts the toy service."""
    with (
        Server.start(TOY, environment=environment) as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        yield Toy(server, channel)


def stub_of(channel: grpc.Channel, model: Model[Any, Any]) -> Any:
    """The typed client of a model."""
    module = importlib.import_module(f"{model.package}.{model.name}_pb2_grpc")
    return getattr(module, f"{SERVICES[model.name].name}Stub")(channel)


def message_of(model: Model[Any, Any], records: Sequence[Any] | None = None) -> Message:
    """A request for records; without any, for the model's first sample."""
    (method, *_) = SERVICES[model.name].methods
    return GetMessageClass(method.input_type)(**body_of(model, records))


def health_of(channel: grpc.Channel, service: str = "") -> int:
    """Status of a service, by the standard health protocol."""
    stub = health_pb2_grpc.HealthStub(channel)
    status: int = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status
    return status


def send_bytes(channel: grpc.Channel, method: str, body: bytes) -> bytes:
    """Calls a method without any stub."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return call(body, timeout=5)


def refused(call: Callable[[], Any]) -> grpc.RpcError:
    """The error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return failed.value
