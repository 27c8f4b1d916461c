"""Helpers of the tests against a real server."""

from collections.abc import Iterator

import httpx
import pytest

from tests.processes import Server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of the session's server."""
    with httpx.Client(base_url=server.url, timeout=30) as connected:
        yield connected
