"""Helpers of the tests against a real server."""

from collections.abc import Iterator

import bentoml
import httpx
import pytest

from framework.discovery import find_models
from tests.plugin import pinned
from tests.processes import Server
from tests.server.asked import MODELS
from tests.server.talk import Talk
from tests.server.toy_formula import Computed


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of the session's server."""
    with httpx.Client(base_url=server.url, timeout=30) as connected:
        yield connected


@pytest.fixture(scope="session")
def toy_models() -> dict[str, bentoml.Model]:
    """The models of `tests.server.toy_models`, stored; by name."""
    models = find_models("tests.server.toy_models")
    return {name: one.store() for name, one in models.items() if isinstance(one, Computed)}


@pytest.fixture
def toys_served(toy_models: dict[str, bentoml.Model]) -> Iterator[dict[str, bentoml.Model]]:
    """The same, for a server of theirs that the test starts."""
    with pinned(toy_models):
        yield toy_models


@pytest.fixture(scope="module", params=list(MODELS.values()), ids=list(MODELS))
def talk(server: Server, request: pytest.FixtureRequest) -> Talk:
    """Each model in turn."""
    return Talk.of(server, request.param)
