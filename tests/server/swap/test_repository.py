"""A server that is told what to serve, by the clients of Triton and by hand."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import httpx
import pytest

from deploy.processes import ROOT
from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from tests.server.swap.asking import JSON, asking, asks
from tests.server.swap.conftest import Served
from tests.server.swap.home import SLOW, tag_of
from tests.server.watching import Scrape, wait


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of the server."""
    with httpx.Client(base_url=served.server.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def stub(served: Served) -> Iterator[GRPCInferenceServiceStub]:
    """Open Inference over gRPC."""
    with grpc.insecure_channel(served.server.grpc) as channel:
        yield GRPCInferenceServiceStub(channel)


def load(client: httpx.Client, version: str = "", verb: str = "load") -> httpx.Response:
    """Loads a version, or the champion."""
    body = {"parameters": {"version": version}} if version else {}
    return client.post(f"/v2/repository/models/levels/{verb}", json=body)


def version_of(datum: int) -> str:
    """Version part of a tag."""
    return tag_of(datum).partition(":")[2]


def test_tritons_clients_manage_the_model(served: Served) -> None:
    addresses = (served.server.url.removeprefix("http://"), served.server.grpc)
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.clients.triton_repository", *addresses, "levels"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all said" in done.stdout


def test_the_champion_is_loaded_by_its_name_too(served: Served, client: httpx.Client) -> None:
    assert load(client, verb="unload").status_code == 200
    assert load(client, version_of(100)).status_code == 200
    assert served.tags() == {tag_of(100)}
    assert served.home.history.events("levels")[-1].change.after == tag_of(100)


def test_a_champion_that_cannot_be_loaded_again_is_told(
    served: Served, client: httpx.Client
) -> None:
    assert load(client, verb="unload").status_code == 200
    file = served.home.file(100)
    content = file.read_bytes()
    file.write_bytes(b"900")
    try:
        refused = load(client)
    finally:
        file.write_bytes(content)

    assert (refused.status_code, refused.json()["code"]) == (409, "refused")
    assert "is not what was stored" in refused.json()["error"]
    assert client.post("/levels/predict", json=JSON).status_code == 404
    assert load(client).status_code == 200


def test_an_unloaded_model_is_not_found_over_any_protocol(
    served: Served, client: httpx.Client, stub: GRPCInferenceServiceStub
) -> None:
    assert load(client, verb="unload").status_code == 200
    said = "Model levels was unloaded; POST /v2/repository/models/levels/load has it served again"
    paths = {
        "/levels/predict": JSON,
        "/levels/told": {},
        "/levels.v1.LevelsService/Predict": JSON,
        "/v2/models/levels/infer": {"inputs": []},
        "/v2/models/levels/versions/at-100/infer": {"inputs": []},
    }
    for path, body in paths.items():
        refused = client.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), path
        assert said in refused.json()["error"]
        assert "x-model-tag" not in refused.headers
    with ExitStack() as stack:
        ways = asks(served.server, stack)
        for way in ("grpc", "v2 grpc"):
            with pytest.raises(grpc.RpcError) as failed:
                ways[way]()
            assert failed.value.code() is grpc.StatusCode.NOT_FOUND
            assert said in str(failed.value.details())
    assert client.get("/models").json() == []
    assert client.get("/v2/models/levels/ready").status_code == 404
    assert client.get("/readyz").status_code == 200
    assert list(stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True)).models) == []
    assert client.post("/v2/repository/index", json={"ready": True}).json() == []
    assert Scrape(served.server).total("model_server_model_info") == 0

    # A promotion has it served, too.
    served.home.point(200)
    wait(lambda: served.is_served(200), "it was not loaded again")
    assert served.tags() == {tag_of(200)}


def test_unloading_under_load_fails_no_request_that_has_begun(
    served: Served, client: httpx.Client
) -> None:
    with asking(served.server) as found:
        assert load(client, verb="unload").status_code == 200
        assert load(client).status_code == 200

    for asked in found.values():
        assert {tag for tag, _ in asked.answers} == {tag_of(100)}
        assert [str(error) for error in asked.errors if "unloaded" not in str(error)] == []


def test_the_index_tells_what_is_loaded(served: Served, client: httpx.Client) -> None:
    served.home.point(SLOW)
    wait(
        lambda: (
            [one["state"] for one in client.post("/v2/repository/index").json()]
            == ["READY", "LOADING"]
        ),
        "nothing was loaded",
    )
    assert client.post("/v2/repository/index").json()[1]["version"] == version_of(SLOW)
    assert client.get("/v2").json()["extensions"][-1] == "model_repository"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"parameters": {"config": "{}"}}', "parameters.config: Extra inputs are not permitted"),
        ('{"parameters": {"version": "latest"}}', "parameters.version"),
        ('{"parameters": {"version": "../x"}}', "parameters.version"),
        ('{"parameters": {"version": 7}}', "parameters.version: Input should be a valid string"),
        ("{", "Invalid JSON"),
    ],
)
def test_bad_orders_are_refused(client: httpx.Client, body: str, said: str) -> None:
    refused = client.post("/v2/repository/models/levels/load", content=body)

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    assert said in refused.json()["error"]


def test_what_there_is_not_cannot_be_loaded(
    client: httpx.Client, stub: GRPCInferenceServiceStub
) -> None:
    refused = client.post("/v2/repository/models/teas/load")
    assert refused.status_code == 404
    assert "there are: levels" in refused.json()["error"]
    with pytest.raises(grpc.RpcError) as failed:
        stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="teas"))
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


def test_orders_are_in_the_audit_log(
    served: Served, client: httpx.Client, stub: GRPCInferenceServiceStub
) -> None:
    ids = {name: f"{name}-{uuid.uuid4().hex}" for name in ("loaded", "refused", "called")}

    def order(name: str, version: str) -> None:
        client.post(
            "/v2/repository/models/levels/load",
            json={"parameters": {"version": version}},
            headers={"X-Request-ID": ids[name]},
        )

    order("loaded", version_of(100))
    order("refused", "latest")
    request = pb.RepositoryModelUnloadRequest(model_name="teas")
    called = stub.RepositoryModelUnload.future(request, metadata=[("x-request-id", ids["called"])])
    assert called.exception()

    path = served.home.path / "audit.jsonl"
    wait(lambda: all(one in path.read_text() for one in ids.values()), "an order was not told")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    by_id = {line.pop("request_id"): line for line in lines if line.pop("time")}
    told = {name: by_id[own_id] for name, own_id in ids.items()}
    http = {
        "action": "load",
        "subject": "/v2/repository/models/levels/load",
        "address": "127.0.0.1",
        "protocol": "http",
    }
    assert told["loaded"] == {**http, "outcome": "done"}
    assert told["refused"] == {**http, "outcome": "refused", "reason": "invalid_input"}
    assert told["called"] == {
        "action": "unload",
        "subject": "teas",
        "address": "127.0.0.1",
        "protocol": "grpc",
        "outcome": "refused",
        "reason": "not_found",
    }
