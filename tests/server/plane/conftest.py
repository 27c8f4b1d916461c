"""The toy models behind a server, over every protocol."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import bentoml
import pytest

from tests.contract.fixtures import SURFACES
from tests.contract.surfaces import Surface
from tests.plugin import pinned
from tests.processes import Server
from tests.server.starting import PLANE

REMOTE = [name for name in SURFACES if name != "local"]


@pytest.fixture(scope="package")
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server tells who was refused."""
    return tmp_path_factory.mktemp("audit") / "audit.jsonl"


@pytest.fixture(scope="package")
def plane(toy_models: dict[str, bentoml.Model], audit_log: Path) -> Iterator[Server]:
    """The server."""
    settings = {"MODEL_SERVER_AUDIT": str(audit_log)}
    with contextlib.ExitStack() as stack:
        with pinned(toy_models):
            running = stack.enter_context(Server.start(PLANE, environment=settings))
        yield running


@pytest.fixture
def surfaces(request: pytest.FixtureRequest) -> dict[str, Surface]:
    """All surfaces by name."""
    return {name: SURFACES[name](request.getfixturevalue, "plane") for name in REMOTE}


@pytest.fixture(params=REMOTE)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    return SURFACES[request.param](request.getfixturevalue, "plane")
