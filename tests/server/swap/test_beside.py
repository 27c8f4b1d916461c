"""Versions beside the champion: a canary answers some callers, a shadow answers nobody."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import httpx
import pytest

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from framework.pointer import Alias
from framework.record.frames import PREDICTION, SHADOW, Entry
from framework.record.shadow import shadow_of
from serving.canary import is_chosen
from tests.server.record.reading import recorded
from tests.server.swap.asking import HEIGHT, JSON, TENSOR, asking, asks
from tests.server.swap.conftest import Served
from tests.server.swap.home import UNFIT, tag_of
from tests.server.watching import Scrape, wait

HALF = 0.5
FORCED = ("--force", "--reason", "these versions were not trained")
KEYS = [f"caller-{number}" for number in range(12)]
CHOSEN = next(key for key in KEYS if is_chosen(key.encode(), HALF))


def named(served: Served, key: str) -> set[str]:
    """The tags that answers to a caller name, each over a connection of its own."""
    url, headers = f"{served.server.url}/levels/predict", {"x-canary-key": key}
    return {
        httpx.post(url, json=JSON, headers=headers, timeout=30).headers["x-model-tag"]
        for _ in range(12)
    }


@pytest.fixture
def canary(served: Served) -> Iterator[None]:
    """The version that adds 200 gets half of the callers."""
    served.home.share("canary", 200, HALF)
    wait(lambda: named(served, CHOSEN) == {tag_of(200)}, "the canary does not answer")
    yield
    if served.home.champion_tag != tag_of(200):
        served.home.share("canary", 200, 0)
    wait(lambda: len(named(served, CHOSEN)) == 1, "the canary still answers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--as", "canary"], "A canary needs --share"),
        (["--as", "canary", "--share", "1"], f"has not been compared with {tag_of(100)}"),
        (["--share", "0.5"], "--share, from 0 to 1, is for canary and shadow"),
        (["--as", "shadow", "--share", "1.5"], "--share, from 0 to 1"),
    ],
)
def test_what_gets_no_share_is_told(served: Served, options: list[str], said: str) -> None:
    refused = served.home.registry("promote", tag_of(200), *options)

    assert (refused.returncode, said in refused.stderr) == (2, True)


@pytest.mark.parametrize("alias", ["canary", "shadow"])
def test_the_registry_waits_for_servers_and_keeps_the_share(served: Served, alias: Alias) -> None:
    for share in (1.0, 0.0):
        options = ("--as", alias, "--share", str(share), "--json", *FORCED)
        promoted = served.home.registry("promote", tag_of(200), *options)
        assert promoted.returncode == 0, promoted.stderr
        assert json.loads(promoted.stdout)["workers"] == 2
        answering = {tag_of(200)} if share and alias == "canary" else {tag_of(100)}
        assert served.tags() == answering
        standing = served.home.history.aliases().standing("levels", alias)
        assert standing is not None
        assert (standing.tag, standing.share) == (tag_of(200), share)
    *_, shared, ended, _ = served.home.registry("history", "levels").stdout.splitlines()
    assert f" {alias} 1 " in shared
    assert f" {alias} 0 " in ended


def test_the_registry_tells_why_a_server_serves_no_canary(served: Served) -> None:
    options = ("--as", "canary", "--share", "0.5", *FORCED)
    refused = served.home.registry("promote", tag_of(UNFIT), *options)

    assert refused.returncode == 2
    assert f"{tag_of(UNFIT)} is canary, but a server refuses it: Datum {UNFIT}" in refused.stderr
    assert served.tags() == {tag_of(100)}
    ended = served.home.registry("promote", tag_of(UNFIT), "--as", "canary", "--share", "0")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("canary")
def test_a_caller_stays_on_one_side_over_every_protocol(served: Served) -> None:
    sides = set()
    for key in KEYS:
        expected = 200 if is_chosen(key.encode(), HALF) else 100
        sides.add(expected)
        with ExitStack() as stack:
            for way, ask in asks(served.server, stack, key).items():
                assert ask() == (tag_of(expected), expected), (key, way)
    assert sides == {100, 200}
    scrape = Scrape(served.server)
    for tag in (tag_of(100), tag_of(200)):
        told = {"route": "/levels/predict", "model": tag, "status": "200"}
        assert scrape.total("model_server_requests_total", **told) > 0


@pytest.mark.usefixtures("canary")
def test_requests_without_a_key_are_shared_out(served: Served) -> None:
    with asking(served.server) as found:
        wait(lambda: all(len(one.answers) > 50 for one in found.values()), "it was slow")

    for way, asked in found.items():
        assert asked.errors == [], way
        assert {tag for tag, _ in asked.answers} == {tag_of(100), tag_of(200)}
        assert all(tag == tag_of(round(datum)) for tag, datum in asked.answers)


@pytest.mark.usefixtures("canary")
def test_both_versions_are_asked_by_their_names(served: Served) -> None:
    tensors = {"inputs": [{**TENSOR, "data": [HEIGHT]}]}
    request = pb.ModelInferRequest(model_name="levels")
    request.inputs.add(**TENSOR).contents.fp64_contents.append(HEIGHT)
    with grpc.insecure_channel(served.server.grpc) as channel:
        for datum in (100, 200):
            version = tag_of(datum).partition(":")[2]
            path = f"/v2/models/levels/versions/{version}/infer"
            answer = httpx.post(f"{served.server.url}{path}", json=tensors, timeout=30)
            assert answer.headers["x-model-tag"] == tag_of(datum)
            assert answer.json()["outputs"][0]["data"] == [HEIGHT + datum]
            request.model_version = version
            told = GRPCInferenceServiceStub(channel).ModelInfer(request)
            assert told.model_version == version


@pytest.mark.usefixtures("canary")
def test_a_canary_that_is_promoted_answers_everybody(served: Served) -> None:
    served.serve(200)

    assert served.tags() == {tag_of(200)}
    assert {tag for key in KEYS for tag in named(served, key)} == {tag_of(200)}


def entries(served: Served) -> list[Entry]:
    """What was recorded so far."""
    return recorded(served.home.path / "record")


def test_a_shadow_answers_beside_what_was_answered(served: Served) -> None:
    before = len(entries(served))
    served.home.share("shadow", 200, 1.0)

    def said() -> list[Entry]:
        served.tags()
        return [one for one in entries(served)[before:] if one.kind == SHADOW]

    wait(lambda: bool(said()), "nothing was answered once more")
    with asking(served.server) as found:
        ways = {"http", "connect", "grpc"}
        wait(lambda: ways <= {one.protocol for one in said()}, "not over every protocol")
        wait(lambda: any("/v2" in one.route for one in said()), "not in columns")
        wait(lambda: any("inference" in one.route for one in said()), "not in columns over gRPC")
    served.home.share("shadow", 200, 0)

    for way, asked in found.items():
        assert asked.errors == [], way
        assert {tag for tag, _ in asked.answers} == {tag_of(100)}
    shadows = said()
    answered = {one.prediction_id: one for one in entries(served) if one.kind == PREDICTION}
    for one in shadows:
        live, told = answered[one.prediction_id], shadow_of(one)
        assert (one.model_tag, live.model_tag) == (tag_of(200), tag_of(100))
        assert (one.request_id, one.route) == (live.request_id, live.route)
        assert told.answered_by == "at-100"
        assert told.answers in ([{"value": HEIGHT + 200}], [{"value": 200.0}])
    assert Scrape(served.server).total("model_server_shadow_requests_total", outcome="answered") > 0


def test_a_shadow_that_is_refused_is_no_hindrance(served: Served) -> None:
    refused = f"{tag_of(UNFIT)} answers nothing beside the champion: Datum {UNFIT} is unfit here."
    served.home.share("shadow", UNFIT, 1.0)
    wait(lambda: served.server.output().count(refused) == 2, "it was not told")

    assert served.tags() == {tag_of(100)}
    served.home.share("shadow", UNFIT, 0)
