"""The whole of it, started once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import pytest

from tests.processes import Server
from tests.prometheus import Prometheus
from tests.server.asked import BODY, ROUTE
from tests.server.operation.driving import traffic


@pytest.fixture(scope="package")
def recording(
    stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The real service, with its record on."""
    folder = tmp_path_factory.mktemp("record")
    with Server.start(environment={"MODEL_SERVER_RECORD": str(folder)}) as server:
        yield server


@pytest.fixture(scope="package")
def prometheus(recording: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Scrapes a server that is asked all the time."""
    target = recording.url.removeprefix("http://")

    def predict() -> None:
        httpx.post(recording.url + ROUTE, json=BODY).raise_for_status()

    folder: Path = tmp_path_factory.mktemp("prometheus")
    with contextlib.ExitStack() as stack:
        stack.enter_context(traffic(predict))
        yield stack.enter_context(Prometheus.start(folder, model_server=target))
