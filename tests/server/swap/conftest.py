"""Servers whose models change while they answer."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.processes import Server
from tests.server.swap.home import SLOW, UNFIT, Home, tag_of
from tests.server.watching import wait

SERVICE = "tests.server.swap.service:Swapped"


@dataclass(frozen=True)
class Served:
    """A server, and the home whose registry says what it serves."""

    home: Home
    server: Server

    def is_served(self, datum: int, workers: int = 2) -> bool:
        """Whether so many workers tell that they serve a version, and none tells otherwise."""
        told = [state.models["levels"] for state in self.home.workers()]
        return [one.tag for one in told if one.state == "READY"] == [tag_of(datum)] * workers

    def serve(self, datum: int) -> None:
        """Makes a version champion, and waits until all workers serve it."""
        champion = self.home.champion
        if champion is None or champion.tag != tag_of(datum):
            self.home.point(datum)
        elif not self.is_served(datum):
            # An order of an earlier test still holds.
            load = f"{self.server.url}/v2/repository/models/levels/load"
            httpx.post(load, timeout=30).raise_for_status()
        wait(lambda: self.is_served(datum), f"{tag_of(datum)} was not taken over")

    def tags(self) -> set[str]:
        """The tags that some answers name, each over a connection of its own."""
        body = {"levels": [{"height": 0.0}]}
        url = f"{self.server.url}/levels/predict"
        return {httpx.post(url, json=body, timeout=30).headers["x-model-tag"] for _ in range(8)}


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two workers."""
    home = Home(tmp_path_factory.mktemp("home"), 100, 200, SLOW, UNFIT)
    home.point(100)
    with Server.start(SERVICE, workers=2, environment=home.variables) as server:
        yield Served(home, server)


@pytest.fixture(autouse=True)
def _at_100(served: Served) -> None:
    """Every test begins with the version that adds 100."""
    served.home.gate.touch()
    served.serve(100)
    served.home.gate.unlink()
