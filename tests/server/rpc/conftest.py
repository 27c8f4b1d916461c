"""The servers and stubs that all tests of this folder share."""

from collections.abc import Iterator
from typing import Any

import bentoml
import grpc
import pytest

from framework import Model
from tests.processes import Server
from tests.server.asked import MODELS
from tests.server.rpc.calling import QUEUE_ROWS, SERVICES, Toy, stub_of, toy


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
def model() -> Model[Any, Any]:
    """The first model with stubs."""
    if not SERVICES:
        pytest.skip("`make protos` has made no stubs of any model")
    return MODELS[next(iter(SERVICES))]


@pytest.fixture
def stub(channel: grpc.Channel, model: Model[Any, Any]) -> Any:
    """The typed client of this model."""
    return stub_of(channel, model)
