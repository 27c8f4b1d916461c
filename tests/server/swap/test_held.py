"""What a worker waits for: a version that never loads, and a shadow that it has no time for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from serving.shadow import MAX_WAITING
from tests.processes import Server
from tests.server.swap.asking import HEIGHT, JSON
from tests.server.swap.conftest import SERVICE, Served
from tests.server.swap.home import SLOW, Home, tag_of
from tests.server.watching import Scrape, wait

BEYOND = 44
"""Requests that are asked while as many wait for the shadow as may."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with one worker, which waits a second for a version."""
    home = Home(tmp_path_factory.mktemp("home"), 100, 200, SLOW)
    home.point(100)
    settings = {**home.variables, "MODEL_SERVER_LOAD_SECONDS": "1"}
    with Server.start(SERVICE, environment=settings) as server:
        yield Served(home, server)


@pytest.fixture(autouse=True)
def _at_100(served: Served) -> None:
    served.home.gate.unlink(missing_ok=True)
    if served.home.champion_tag != tag_of(100):
        served.home.point(100)
    wait(lambda: served.is_served(100, workers=1), "the first version does not serve")


def test_a_load_that_never_ends_holds_up_no_later_one(served: Served) -> None:
    served.home.point(SLOW)
    wait(lambda: served.home.workers()[0].models["levels"].state == "UNAVAILABLE", "it waits on")

    (state,) = (worker.models["levels"] for worker in served.home.workers())
    assert "was not loaded within 1 s (MODEL_SERVER_LOAD_SECONDS)" in state.reason
    assert served.tags() == {tag_of(100)}
    served.home.point(200)
    wait(lambda: served.is_served(200, workers=1), "the later one does not serve")
    # Nor does one beside the champion.
    served.home.share("canary", SLOW, 1.0)
    refused = f"{tag_of(SLOW)} answers nothing beside the champion"
    wait(lambda: refused in served.server.output(), "it waits on for a canary")
    served.home.share("canary", SLOW, 0)
    served.home.point(100)
    wait(lambda: served.is_served(100, workers=1), "nothing is taken over beside it")


def test_a_shadow_without_time_is_dropped_and_nobody_notices(served: Served) -> None:
    def shadowed() -> dict[str, float]:
        return {
            sample.labels["outcome"]: sample.value
            for sample in Scrape(served.server).samples
            if sample.name == "model_server_shadow_requests_total"
        }

    served.home.share("shadow", 200, 1.0)
    wait(lambda: bool(shadowed()), "there is no shadow")

    def hold() -> httpx.Response:
        url = f"{served.server.url}/levels/held"
        return httpx.post(url, json={"heights": [0.0] * 10}, timeout=60)

    def queued() -> float:
        return Scrape(served.server).total("model_server_queue_rows", route="/levels/held")

    with ThreadPoolExecutor() as threads:
        # A batch runs, and others wait, until the gate opens.
        held = threads.submit(hold)
        wait(lambda: queued() > 0, "nothing is held")
        with httpx.Client(base_url=served.server.url, timeout=30) as client:
            for _ in range(MAX_WAITING + BEYOND):
                answer = client.post("/levels/predict", json=JSON)
                assert answer.json() == [{"value": HEIGHT + 100}]
                assert answer.headers["x-model-tag"] == tag_of(100)
        assert shadowed() == {"answered": 0, "dropped": BEYOND, "failed": 0}
        served.home.gate.touch()
        assert held.result().json() == [100.0] * 10

    after = {"answered": MAX_WAITING, "dropped": BEYOND, "failed": 0}
    wait(lambda: shadowed() == after, "what waited was not answered")
