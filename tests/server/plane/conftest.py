"""The toy models behind a server, over every protocol."""

import contextlib
from collections.abc import Iterator

import pytest

from framework.discovery import find_models
from tests.contract.fixtures import SURFACES
from tests.contract.surfaces import Surface
from tests.plugin import pinned
from tests.processes import Server
from tests.server.toy_formula import Computed

REMOTE = [name for name in SURFACES if name != "local"]


@pytest.fixture(scope="package")
def plane() -> Iterator[Server]:
    """The server."""
    models = find_models("tests.server.toy_models")
    stored = {name: one.store() for name, one in models.items() if isinstance(one, Computed)}
    with contextlib.ExitStack() as stack:
        with pinned(stored):
            running = stack.enter_context(Server.start("tests.server.toy_plane:Plane"))
        yield running


@pytest.fixture
def surfaces(request: pytest.FixtureRequest) -> dict[str, Surface]:
    """All surfaces by name."""
    return {name: SURFACES[name](request.getfixturevalue, "plane") for name in REMOTE}


@pytest.fixture(params=REMOTE)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    return SURFACES[request.param](request.getfixturevalue, "plane")
