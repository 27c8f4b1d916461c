"""The servers that all tests of this folder share."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bentoml
import httpx
import pytest

from tests.processes import Server
from tests.server.differential.pair import REAL, TOY, Pair


@pytest.fixture(scope="package")
def pair(stored_models: dict[str, bentoml.Model]) -> Iterator[Pair]:
    """Four servers, started side by side."""
    with contextlib.ExitStack() as stack:

        def start(service: str, fast: bool) -> httpx.Client:
            environment = {"MODEL_SERVER_FAST_PATH": str(fast).lower()}
            server = stack.enter_context(Server.start(service, environment=environment))
            return stack.enter_context(httpx.Client(base_url=server.url, timeout=30))

        with ThreadPoolExecutor() as pool:
            started = {
                (service, fast): pool.submit(start, service, fast)
                for service in (TOY, REAL)
                for fast in (True, False)
            }
        made = Pair()
        for (service, fast), client in started.items():
            (made.ours if fast else made.stock)[service] = client.result()
        yield made
