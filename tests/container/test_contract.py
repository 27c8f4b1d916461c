"""The contract, kept by the built Bento, by the container, and by the pod of the manifests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import bentoml
import pytest

from tests.contract.conftest import booster, pipeline, threshold
from tests.contract.surfaces import HttpSurface, Surface
from tests.contract.test_contract import *  # noqa: F403 (the suite itself)
from tests.processes import Server

__all__ = ["booster", "pipeline", "threshold"]

SURFACES: dict[str, Callable[[pytest.FixtureRequest], Surface]] = {
    "bento": lambda request: HttpSurface(request.getfixturevalue("bento_server").url),
    "container": lambda request: HttpSurface(request.getfixturevalue("container").url),
}


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    return SURFACES[request.param](request)


@pytest.fixture(scope="module")
def bento_server(
    bento: bentoml.Bento, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The Bento, served from the store, with no source of ours in reach."""
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    with Server.start(str(bento.tag), environment={"PYTHONPATH": ""}, folder=elsewhere) as running:
        yield running
