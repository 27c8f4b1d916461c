"""The registry's page, done as it says, and a server that serves what the registry says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from deploy.processes import ROOT
from framework.discovery import find_model, find_models
from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from framework.pointer import FILE
from tests.console import commands, run
from tests.processes import Server
from tests.server.test_readme import assert_like
from training.data import of_source

PAGE = commands(ROOT / "docs" / "lifecycle.md")
NAME = PAGE[0].line.split()[3]

pytestmark = pytest.mark.skipif(NAME not in find_models(), reason="the page's model was deleted")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which everything on the page was done."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "BENTOML_HOME": str(home), "PYTHONPATH": str(ROOT)}
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in ("backup", "srv")}
    record, tables = home / "record", tmp_path_factory.mktemp("tables")
    _write_tables(tables)

    def here(text: str) -> str:
        for name, folder in folders.items():
            text = text.replace(f"/{name}/", f"{folder}/")
        text = text.replace("--record record", f"--record {record}")
        return text.replace(".venv/bin/python", sys.executable)

    for command in PAGE:
        if "monitoring convert" in command.line:
            _have_recorded(home, record)
        shown = run(here(command.line), tables, environment, 120)
        assert_like(shown.strip(), here(command.shown).strip())
    return home


def _have_recorded(home: Path, record: Path) -> None:
    """Has a server of the champion answer, and record, requests of one row and of several."""
    model = find_models()[NAME]
    settings = {**_of(home), "MODEL_SERVER_RECORD": str(record)}
    with (
        Server.start(environment=settings) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        for count in (1, 30):
            rows = (list(model.sample) * count)[:count]
            asked = client.post(f"/{NAME}/predict", json={model.rows: rows})
            assert asked.status_code == 200, asked.text


def _of(home: Path) -> dict[str, str]:
    pins = {name: "" for name in os.environ if name.endswith("_MODEL")}
    return {**pins, "BENTOML_HOME": str(home), "MODELS": NAME}


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """That of a server of this home, in which nothing is pinned."""
    return _of(home)


@pytest.fixture(scope="module")
def champions_server(environment: dict[str, str]) -> Iterator[Server]:
    """A server of the champion, which takes orders."""
    with Server.start(environment={**environment, "MODEL_SERVER_REPOSITORY": "true"}) as server:
        yield server


def promote(home: Path, version: str) -> int:
    """Promotes a version; returns how many workers serve it then."""
    # By force, for there and back again no gate lets both pass.
    command = f"{sys.executable} -m registry promote {NAME}:{version} --force --reason test --json"
    told = run(command, ROOT, {**os.environ, "BENTOML_HOME": str(home)})
    workers: int = json.loads(told)["workers"]
    return workers


def load(server: Server, version: str) -> httpx.Response:
    """Loads a version by Open Inference."""
    path = f"/v2/repository/models/{NAME}/load"
    body = {"parameters": {"version": version}}
    return httpx.post(f"{server.url}{path}", json=body, timeout=30)


def events(home: Path) -> list[dict[str, Any]]:
    """The history."""
    command = f"{sys.executable} -m registry history {NAME} --json"
    told: list[dict[str, Any]] = json.loads(run(command, ROOT, {**os.environ, **_of(home)}))
    return told


def _write_tables(folder: Path) -> None:
    """Writes the rows that the model brings along, and the first of them."""
    source = find_model(NAME).data
    assert source is not None
    header, *lines = of_source(source).content.decode().splitlines(keepends=True)
    for name, count in {"last_year.csv": 300, "employees.csv": len(lines)}.items():
        (folder / name).write_text("".join([header, *lines[:count]]))


def about(server: Server) -> Any:
    return httpx.get(f"{server.url}/models/{NAME}", timeout=30).json()


def champion_info(server: Server) -> dict[str, str]:
    lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    told = [line.split() for line in lines if line.startswith("model_server_champion_info{")]
    return {labels.split('tag="')[1].split('"')[0]: value for labels, value in told}


def test_the_champion_is_served_though_another_is_newer(
    champions_server: Server, home: Path
) -> None:
    told = about(champions_server)

    assert (home / "models" / NAME / "latest").read_text() == "v2"
    assert told["tag"] == told["champion"] == f"{NAME}:v1"
    assert told["alias"] == "champion"
    assert told["alias_since"]
    assert told["challenger"] is None
    assert champion_info(champions_server) == {f"{NAME}:v1": "1.0"}


def test_both_versions_answered_what_a_server_recorded(home: Path) -> None:
    line = f"{sys.executable} -m registry compare {NAME} {NAME}:v1 {NAME}:v2 --json"
    settings = {"BENTOML_HOME": str(home), "MODEL_SERVER_RECORD": str(home / "record")}
    found = json.loads(run(line, ROOT, {**os.environ, **settings}))
    assert (found["rows"], found["unpaired"]) == (31, 0)
    # They have learnt from different rows, and so differ in their answers.
    assert found["shifts"][0]["absolute"] > 0


def test_what_no_promotion_would_get_is_not_loaded(champions_server: Server, home: Path) -> None:
    file = home / "models" / NAME / "v2" / "model.txt"
    content = file.read_bytes()
    before = events(home)
    file.write_bytes(content[:-30])
    try:
        tampered = load(champions_server, "v2")
    finally:
        file.write_bytes(content)
    refused = {"is not what": tampered, "cannot give model": load(champions_server, "v9")}

    for said, answer in refused.items():
        assert (answer.status_code, answer.json()["code"]) == (409, "refused")
        assert said in answer.json()["error"]
    assert events(home) == before
    assert about(champions_server)["tag"] == f"{NAME}:v1"


def test_a_load_is_a_promotion(champions_server: Server, home: Path) -> None:
    with ThreadPoolExecutor() as threads:
        both = [threads.submit(load, champions_server, "v2") for _ in range(2)]
        answers = {one.result().status_code: one.result() for one in both}

    assert sorted(answers) == [200, 409]
    assert "Another version is being promoted here" in answers[409].json()["error"]
    told = about(champions_server)
    assert (told["tag"], told["champion"]) == (f"{NAME}:v2", f"{NAME}:v2")
    last = events(home)[-1]
    assert (last["action"], last["reason"]) == ("promote", "loaded over Open Inference")
    assert last["gate"]["champion"] == f"{NAME}:v1"
    with grpc.insecure_channel(champions_server.grpc) as channel:
        back = pb.RepositoryModelLoadRequest(model_name=NAME)
        back.parameters["version"].string_param = "v1"
        with pytest.raises(grpc.RpcError) as failed:
            GRPCInferenceServiceStub(channel).RepositoryModelLoad(back, timeout=30)
    assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert f"{NAME}:v1 has not been compared with {NAME}:v2" in str(failed.value.details())
    assert about(champions_server)["tag"] == f"{NAME}:v2"
    promote(home, "v1")


def test_a_promotion_is_served_when_the_command_ends(champions_server: Server, home: Path) -> None:
    promote(home, "v2")

    told = about(champions_server)
    assert (told["tag"], told["alias"]) == (f"{NAME}:v2", "champion")
    assert told["champion"] == f"{NAME}:v2"
    assert champion_info(champions_server) == {f"{NAME}:v1": "0.0", f"{NAME}:v2": "1.0"}


def test_a_variable_wins_over_the_champion(
    champions_server: Server, home: Path, environment: dict[str, str]
) -> None:
    pinned = {f"{NAME.upper()}_MODEL": f"{NAME}:v1"}
    with Server.start(environment={**environment, **pinned}) as server:
        assert about(server)["tag"] == f"{NAME}:v1"
        # A promotion neither waits for it nor changes it, but the other server.
        assert promote(home, "v1") == 1
        assert promote(home, "v2") == 1
        assert about(champions_server)["tag"] == f"{NAME}:v2"
        assert about(server)["tag"] == f"{NAME}:v1"


def test_a_champion_that_was_changed_is_not_served(home: Path) -> None:
    assert "is not what was stored" in _refusal(home, f"models/{NAME}/v2/model.txt")


def test_a_pointer_that_cannot_be_read_stops_the_start(home: Path) -> None:
    assert "python -m registry list" in _refusal(home, FILE)


def _refusal(home: Path, damaged: str) -> str:
    """What a server's start ends with where a file has lost its end."""
    path = home / damaged
    content = path.read_bytes()
    path.write_bytes(content[:-30])
    try:
        pins = {name: "" for name in os.environ if name.endswith("_MODEL")}
        ended = subprocess.run(
            [sys.executable, "-m", "bentoml", "serve", "service:ModelServer", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, **pins, "BENTOML_HOME": str(home), "MODELS": NAME},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        path.write_bytes(content)
    assert ended.returncode != 0
    return ended.stdout + ended.stderr
