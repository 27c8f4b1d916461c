"""The servers and stubs that all tests of this folder share."""

from collections.abc import Iterator
from typing import Any

import bentoml
import grpc
import pytest

from models.attrition import attrition_pb2_grpc
from tests.processes import Server
from tests.server.rpc.calling import QUEUE_ROWS, Toy, toy


@pytest.fixture(scope="package")
def slow(stored_models: dict[str, bentoml.Model]) -> Iterator[Toy]:
    """The toy service with a short queue."""
    rows = str(QUEUE_ROWS)
    with toy(MODEL_SERVER_MAX_QUEUE_ROWS=rows, MODEL_SERVER_MAX_ROWS=rows) as started:
        yield started


@pytest.fixture(scope="package")
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A connection to the real service."""
    with grpc.insecure_channel(server.grpc) as connected:
        yield connected


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    """The typed client of the real service."""
    return attrition_pb2_grpc.AttritionServiceStub(channel)
