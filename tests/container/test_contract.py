"""The contract, kept by the built Bento, by the container, and by the pod of the manifests."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest

from framework.discovery import find_models
from tests.contract.columns import BinaryColumns, GrpcColumns
from tests.contract.surfaces import GrpcSurface, HttpSurface, Surface
from tests.contract.test_contract import *  # noqa: F403 (the suite itself)
from tests.processes import Server

# A Bento holds the served models, not the proofs.
CONTRACT_MODELS = find_models()

# Where it runs, and over which protocol.
PLACES = ("bento_server", "container", "pod")
PROTOCOLS: dict[str, Callable[[Any], Surface]] = {
    "http": lambda server: HttpSurface(server.url),
    "grpc": lambda server: GrpcSurface(server.grpc),
    "v2-binary": lambda server: BinaryColumns(server.url),
    "v2-grpc": lambda server: GrpcColumns(server.grpc, raw=True),
}


@pytest.fixture(params=itertools.product(PLACES, PROTOCOLS), ids="-".join)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    place, protocol = request.param
    return PROTOCOLS[protocol](request.getfixturevalue(place))


@pytest.fixture(scope="module")
def bento_server(
    bento: bentoml.Bento, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The Bento, served from the store, with no source of ours in reach."""
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    with Server.start(str(bento.tag), environment={"PYTHONPATH": ""}, folder=elsewhere) as running:
        yield running
