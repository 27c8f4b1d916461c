"""A promotion to a version that knows other classes, in another order: all that is told follows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from deploy.processes import ROOT
from tests.models.wine import MODEL
from tests.processes import Server
from tests.server.watching import Scrape, wait

PACKAGE, BEFORE, AFTER = "tests.models", ["0", "1", "2"], ["-7", "0", "1", "2"]
DATATYPES = {int: "INT64", float: "FP64"}
ROWS = {MODEL.rows: MODEL.sample}


def run(home: Path, command: str, *arguments: str) -> str:
    """Runs a command on the toy models; returns what it told."""
    imports = f"import sys; from {command}.__main__ import main"
    line = f"{imports}; sys.exit(main(sys.argv[1:], package={PACKAGE!r}))"
    done = subprocess.run(
        [sys.executable, "-c", line, *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion of three classes, and a challenger with one before them."""
    home = tmp_path_factory.mktemp("home")
    assert MODEL.data is not None
    columns: Any = MODEL.data.load()
    frame = pd.DataFrame(columns)
    frame.to_csv(home / "three.csv", index=False)
    others = frame.iloc[::3].assign(alcohol=99.0, cultivar=-7)
    pd.concat([frame, others]).to_csv(home / "four.csv", index=False)
    for version, table in {"three": "three.csv", "four": "four.csv"}.items():
        run(home, "training", MODEL.name, "--data", str(home / table), "--name", version)
        if version == "three":
            run(home, "registry", "list")
    return home


def label(client: httpx.Client, prediction_id: str, value: int) -> httpx.Response:
    """Tells what became true of a prediction."""
    told = {"labels": [{"prediction_id": prediction_id, "row": 0, "label": value}]}
    return client.post("/feedback", json=told)


def known(client: httpx.Client) -> list[list[str]]:
    """The classes, wherever they are told."""
    (answer,) = client.post("/wine/predict", json=ROWS).json()
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["probabilities"][str(answer["cultivar"])] == answer["probability"]
    tensors = [
        {"name": name, "datatype": DATATYPES[type(value)], "shape": [1], "data": [value]}
        for name, value in MODEL.sample[0].items()
    ]
    columns = client.post("/v2/models/wine/infer", json={"inputs": tensors}).json()
    (shape,) = [one["shape"] for one in columns["outputs"] if one["name"] == "probabilities"]
    told = client.get("/v2/models/wine").json()["outputs"]
    (names,) = [one["parameters"]["labels"] for one in told if one["name"] == "probabilities"]
    about = client.get("/models/wine").json()["classes"]
    assert shape == [1, len(about)]
    return [list(answer["probabilities"]), names.split(","), about]


def test_all_that_is_told_follows_the_classes(home: Path) -> None:
    settings = {
        "BENTOML_HOME": str(home),
        "WINE_MODEL": "",
        "MODELS": MODEL.name,
        "MODEL_SERVER_RECORD": str(home / "record"),
    }
    with (
        Server.start("tests.models.service:ProofServer", environment=settings) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        document = client.get("/docs.json").json()
        assert known(client) == [BEFORE] * 3
        first = client.post("/wine/predict", json=ROWS).headers["x-prediction-id"]
        refused = label(client, first, -7)
        assert refused.status_code == 400
        assert "one of 0, 1, 2" in refused.json()["error"]
        assert client.get("/models/wine/performance?filter=-7").status_code == 404
        forced = ("--force", "--reason", "another cultivar")
        canary = ("--as", "canary", "--share", "0.5", *forced)
        run(home, "registry", "promote", "wine:four", *canary)
        wait(lambda: label(client, first, -7).status_code == 200, "the canary's class is none")

        run(home, "registry", "promote", "wine:four", *forced)

        assert known(client) == [AFTER] * 3
        assert client.get("/docs.json").json() == document
        assert client.get("/models/wine/performance?filter=-7").status_code == 200
        new = {MODEL.rows: [{**MODEL.sample[0], "alcohol": 99.0}]}
        last = client.post("/wine/predict", json=new)
        assert last.json()[0]["cultivar"] == -7
        # Of what the former version answered, too.
        for prediction_id, value in ((first, 0), (last.headers["x-prediction-id"], -7)):
            assert label(client, prediction_id, value).status_code == 200
        assert Scrape(server).total("model_server_labels_accepted_total", model="wine") == 3

    record = ("--record", str(home / "record"))
    run(home, "monitoring", "convert", *record)
    run(home, "registry", "replay", "wine:four", *record)
    tags = ("wine:three", "wine:four")
    found = json.loads(run(home, "registry", "compare", "wine", *tags, *record, "--json"))
    assert {one["name"] for one in found["shifts"]} == {
        "probability",
        *(f"probabilities.{one}" for one in BEFORE),
    }
    assert found["labelled"] == 1
