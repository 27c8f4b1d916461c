"""One server for the raw sockets, and the proxies that people put before it."""

from collections.abc import Iterator

import pytest

from tests.processes import Server
from tests.server.transport.proxies import proxy

TIMEOUT_SECONDS = 1.5
TOY = "tests.server.toy_service:Toy"


@pytest.fixture(scope="package")
def hasty() -> Iterator[Server]:
    """The toy with a short time-out."""
    environment = {"MODEL_SERVER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)}
    with Server.start(TOY, environment=environment) as running:
        yield running


@pytest.fixture(scope="package", params=["direct", "haproxy", "nginx"])
def way(
    request: pytest.FixtureRequest, hasty: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the server is asked: itself, or a proxy before it."""
    if request.param == "direct":
        yield hasty.url
        return
    with proxy(request.param, hasty.url, tmp_path_factory.mktemp(request.param)) as (url, _):
        yield url
