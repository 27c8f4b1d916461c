"""Servers that record."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import bentoml
import pytest

from tests.plugin import pinned
from tests.processes import Server
from tests.server.starting import PLANE

Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server is to record."""
    return tmp_path / "record"


@pytest.fixture
def start(toys_served: dict[str, bentoml.Model], folder: Path) -> Start:
    """Starts a server of the toy models that records; takes further settings, without prefix."""

    def start(workers: int = 1, **settings: str) -> AbstractContextManager[Server]:
        environment = {f"MODEL_SERVER_{name}": value for name, value in settings.items()}
        environment.setdefault("MODEL_SERVER_RECORD", str(folder))
        return Server.start(PLANE, workers=workers, environment=environment)

    return start


@pytest.fixture(scope="module")
def plain(
    toy_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that records somewhere."""
    folder = tmp_path_factory.mktemp("record")
    with (
        pinned(toy_models),
        Server.start(PLANE, environment={"MODEL_SERVER_RECORD": str(folder)}) as server,
    ):
        yield server
