"""The toy models behind a server, over every protocol."""

import contextlib
from collections.abc import Iterator

import bentoml
import pytest

from tests.contract.fixtures import SURFACES
from tests.contract.surfaces import Surface
from tests.plugin import pinned
from tests.processes import Server
from tests.server.starting import PLANE

REMOTE = [name for name in SURFACES if name != "local"]


@pytest.fixture(scope="package")
def plane(toy_models: dict[str, bentoml.Model]) -> Iterator[Server]:
    """The server."""
    with contextlib.ExitStack() as stack:
        with pinned(toy_models):
            running = stack.enter_context(Server.start(PLANE))
        yield running


@pytest.fixture
def surfaces(request: pytest.FixtureRequest) -> dict[str, Surface]:
    """All surfaces by name."""
    return {name: SURFACES[name](request.getfixturevalue, "plane") for name in REMOTE}


@pytest.fixture(params=REMOTE)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    return SURFACES[request.param](request.getfixturevalue, "plane")
