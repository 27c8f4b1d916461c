"""The servers that all tests of this folder share."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bentoml
import pytest

from tests.processes import Server
from tests.server.operation.driving import (
    CONFIGURATION,
    QUEUE_ROWS,
    REAL,
    TIMEOUT_SECONDS,
    TOY,
    Servers,
)


@pytest.fixture(scope="package")
def servers(
    stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Starts all servers side by side."""
    configuration = tmp_path_factory.mktemp("configuration") / "bentoml.yaml"
    configuration.write_text(CONFIGURATION)
    rows = str(QUEUE_ROWS)
    environments: dict[str, dict[str, str]] = {
        "small": {"MODEL_SERVER_MAX_ROWS": rows, "MODEL_SERVER_MAX_QUEUE_ROWS": rows},
        "hasty": {"MODEL_SERVER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)},
        "watched": {"MODEL_SERVER_ACCESS_LOG": "true", "BENTOML_CONFIG": str(configuration)},
        "twins": {},
    }
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:

        def start(name: str) -> Server:
            target, workers = (REAL, 2) if name == "twins" else (TOY, 1)
            return stack.enter_context(
                Server.start(target, workers=workers, environment=environments[name])
            )

        starting = {name: pool.submit(start, name) for name in environments}
        yield Servers(**{name: server.result() for name, server in starting.items()})


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that take their time."""
    with ThreadPoolExecutor(32) as pool:
        yield pool
