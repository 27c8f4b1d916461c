"""The servers that all tests of this folder share."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes import Server
from tests.server.operation.driving import (
    CONFIGURATION,
    QUEUE_ROWS,
    TIMEOUT_SECONDS,
    TOY,
    Servers,
)


@pytest.fixture(scope="package")
def servers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts the others side by side."""
    configuration = tmp_path_factory.mktemp("configuration") / "bentoml.yaml"
    configuration.write_text(CONFIGURATION)
    rows = str(QUEUE_ROWS)
    environments: dict[str, dict[str, str]] = {
        "small": {"MODEL_SERVER_MAX_ROWS": rows, "MODEL_SERVER_MAX_QUEUE_ROWS": rows},
        "hasty": {"MODEL_SERVER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)},
        "watched": {"MODEL_SERVER_ACCESS_LOG": "true", "BENTOML_CONFIG": str(configuration)},
    }
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:

        def start(name: str) -> Server:
            return stack.enter_context(Server.start(TOY, environment=environments[name]))

        starting = {name: pool.submit(start, name) for name in environments}
        yield Servers(twins=server, **{name: one.result() for name, one in starting.items()})


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that take their time."""
    with ThreadPoolExecutor(32) as pool:
        yield pool
