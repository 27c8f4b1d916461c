"""A promotion reaches a running server, and nobody notices but by the tag of the answers."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from deploy.processes import START_DEADLINE_SECONDS
from framework.pointer import FILE
from framework.servers import ModelState
from tests.server.swap.asking import all_named, asking
from tests.server.swap.conftest import Served
from tests.server.swap.home import SLOW, UNFIT, tag_of
from tests.server.watching import Scrape, wait

ROWS = 10
FORCED = ("--force", "--reason", "these versions were not trained")
"""Of a request that is split into batches of four."""


def states(served: Served) -> list[ModelState]:
    """What the workers tell of the model."""
    return [worker.models["levels"] for worker in served.home.workers()]


def test_every_answer_is_of_the_version_that_it_names(served: Served) -> None:
    versions = [200, 100, 200, 100]
    with asking(served.server) as found:
        for datum in versions:
            served.serve(datum)
        wait(lambda: all_named(found, tag_of(versions[-1])), "the last one does not answer")

    for protocol, asked in found.items():
        assert asked.errors == [], protocol
        assert {(tag, tag_of(round(datum))) for tag, datum in asked.answers} == {
            (tag_of(datum), tag_of(datum)) for datum in versions
        }
        # Each connection is one worker's, which goes from one version to the next.
        assert asked.tags == [tag_of(100), *map(tag_of, versions)], protocol


def test_what_has_begun_ends_with_the_version_that_it_began_with(served: Served) -> None:
    def hold(heights: list[float]) -> httpx.Response:
        url = f"{served.server.url}/levels/held"
        return httpx.post(url, json={"heights": heights}, timeout=30)

    def queued() -> bool:
        scrape = Scrape(served.server)
        return scrape.total("model_server_queue_rows", route="/levels/held") == ROWS - 4

    with ThreadPoolExecutor() as threads:
        # By a coroutine, in several batches, of which the first waits.
        split = threads.submit(hold, [float(at) for at in range(ROWS)])
        wait(queued, "the request was not split")
        served.serve(200)
        assert queued()
        assert not split.done()
        served.home.gate.touch()
        answer = split.result()

    assert answer.json() == [100.0 + at for at in range(ROWS)]
    assert answer.headers["x-model-tag"] == tag_of(100)
    later = hold([0.0])
    assert (later.json(), later.headers["x-model-tag"]) == ([200.0], tag_of(200))


def test_a_request_that_bentoml_answers_sees_one_version(served: Served) -> None:
    def ask() -> httpx.Response:
        return httpx.post(f"{served.server.url}/levels/told", json={}, timeout=30)

    def begun_with() -> float:
        name = "bentoml_service_request_in_progress"
        return Scrape(served.server).total(name, endpoint="/levels/told")

    with ThreadPoolExecutor(4) as threads:
        begun = [threads.submit(ask) for _ in range(4)]
        wait(lambda: begun_with() == len(begun), "the requests have not come")
        served.serve(200)
        served.home.gate.touch()
        for one in begun:
            assert one.result().json() == [tag_of(100)] * 2
            assert one.result().headers["x-model-tag"] == tag_of(100)

    assert ask().json() == [tag_of(200)] * 2


def test_everything_that_is_told_follows(served: Served) -> None:
    served.serve(200)
    client = httpx.Client(base_url=served.server.url, timeout=30)

    def get(path: str) -> httpx.Response:
        return client.get(path)

    told = get("/models/levels").json()
    assert (told["tag"], told["alias"], told["champion"]) == (tag_of(200), "champion", tag_of(200))
    assert get("/v2/models/levels").json()["versions"] == ["at-200"]
    assert get("/v2/models/levels/versions/at-200/ready").status_code == 200
    assert get("/v2/models/levels/versions/at-100/ready").status_code == 404
    refused = client.post("/v2/models/levels/versions/at-100/infer", json={"inputs": []})
    assert refused.status_code == 404
    assert "there is: at-200" in refused.json()["error"]
    assert client.post("/v2/repository/index").json()[0]["version"] == "at-200"
    scrape = Scrape(served.server)
    assert scrape.total("model_server_model_info", tag=tag_of(200)) == 1
    assert scrape.total("model_server_model_info", tag=tag_of(100)) == 0
    assert scrape.total("model_server_champion_info", tag=tag_of(200)) == 1
    client.close()


def test_a_version_that_is_refused_leaves_the_other_serving(served: Served) -> None:
    refused = Scrape(served.server).total("model_server_swaps_total", outcome="refused")
    file = served.home.file(200)
    content = file.read_bytes()
    file.write_bytes(b"900")
    try:
        served.home.point(200)
        wait(lambda: [one.state for one in states(served)] == ["UNAVAILABLE"] * 2, "it was not")
    finally:
        file.write_bytes(content)

    assert all("is not what was stored" in one.reason for one in states(served))
    assert served.tags() == {tag_of(100)}
    scrape = Scrape(served.server)
    assert scrape.total("model_server_swaps_total", outcome="refused") == refused + 2
    # Nobody tries again by itself, but whoever promotes it anew does.
    served.serve(100)
    served.serve(200)


def test_a_damaged_pointer_changes_nothing(served: Served) -> None:
    pointer = served.home.path / FILE
    content = pointer.read_text()
    for damaged in ("", content[:-30], json.dumps({"models": {"levels": 7}})):
        pointer.write_text(damaged)
        said = f"{pointer} cannot be read"
        before = served.server.output().count(said)
        wait(lambda: served.server.output().count(said) >= before + 2, "nobody noticed")  # noqa: B023
        assert served.tags() == {tag_of(100)}
    served.home.history.publish()
    served.serve(200)


def test_what_is_promoted_while_another_is_loaded_wins(served: Served) -> None:
    served.home.point(SLOW)
    wait(lambda: [one.state for one in states(served)] == ["LOADING"] * 2, "nothing was loaded")
    assert served.tags() == {tag_of(100)}
    with asking(served.server) as found:
        served.home.point(200)
        served.home.gate.touch()
        wait(lambda: served.is_served(200), "the later one does not serve")

    assert all(not asked.errors for asked in found.values())
    assert all(
        asked.tags in ([tag_of(100)], [tag_of(100), tag_of(200)]) for asked in found.values()
    )


def test_a_worker_that_is_replaced_serves_what_its_siblings_do(served: Served) -> None:
    served.serve(200)
    served.home.point(SLOW)
    wait(lambda: [one.state for one in states(served)] == ["LOADING"] * 2, "nothing was loaded")
    (folder,) = served.home.folders()
    victim = next(iter(folder.living()))
    psutil.Process(int(victim)).kill()

    wait(lambda: victim not in folder.living(), "the killed worker seems to live")
    replaced = "the killed worker was not replaced"
    served.server.wait_until(lambda: len(folder.living()) == 2, START_DEADLINE_SECONDS, replaced)
    assert {one.tag for one in states(served)} == {tag_of(200)}
    assert served.tags() == {tag_of(200)}
    served.home.gate.touch()
    wait(lambda: served.is_served(SLOW), "the replacement does not follow")


def test_the_registry_waits_for_servers(served: Served) -> None:
    promoted = served.home.registry("promote", tag_of(200), *FORCED, "--json")

    assert promoted.returncode == 0, promoted.stderr
    assert json.loads(promoted.stdout)["workers"] == 2
    assert served.tags() == {tag_of(200)}


def test_the_registry_takes_back_what_a_server_refuses(served: Served) -> None:
    before = served.home.history.aliases().models["levels"]
    refused = served.home.registry("promote", tag_of(UNFIT), *FORCED)

    assert refused.returncode == 2
    assert f"{tag_of(100)} is champion again" in refused.stderr
    assert f"Datum {UNFIT} is unfit here." in refused.stderr
    after = served.home.history.aliases().models["levels"]
    assert {alias: one.tag for alias, one in after.items()} == {
        alias: one.tag for alias, one in before.items()
    }
    last = served.home.history.events("levels")[-1]
    assert last.change.action == "withdraw"
    assert "unfit" in last.change.reason
    wait(lambda: served.is_served(100), "the servers were not told")


@pytest.mark.parametrize("seconds", ["0", "0.2"])
def test_the_registry_does_not_wait_for_ever(served: Served, seconds: str) -> None:
    promoted = served.home.registry("promote", tag_of(SLOW), *FORCED, "--wait", seconds)

    assert promoted.returncode == (0 if seconds == "0" else 1)
    assert ("2 of 2 workers have not followed" in promoted.stderr) == (seconds != "0")
    served.home.gate.touch()
    wait(lambda: served.is_served(SLOW), "it was not taken over later")
