"""The CronJob that trains again, in its own image: on what servers recorded and were told."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pandas as pd
import pytest
import requests

from deploy.engine import Engine
from deploy.running import LOCKED_DOWN, Container
from tests.container.conftest import ROOT, UID, Measured, built_upon, volume
from tests.container.pods import Ended, of_kind, render_with, run_job
from tests.contract.cases import random_records
from tests.server.asked import MODEL, ROUTE, body_of
from tests.tables import write_table

HOME, RECORD = "/home/trainer", "/record"
HOME_CLAIM, RECORD_CLAIM = "model-trainer-home", "model-server-record"
LABELLED, FEW = 1_600, 100


@pytest.fixture(scope="module")
def trainer_image(engine: Engine, monitor_image: str, measured: Measured) -> Iterator[str]:
    """The image, made of the monitor's."""
    yield from built_upon(monitor_image, "trainer-image", engine, measured)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Claim → folder."""
    return {claim: volume(tmp_path_factory, claim) for claim in (HOME_CLAIM, RECORD_CLAIM)}


@pytest.fixture
def manifests(tmp_path: Path) -> list[dict[str, Any]]:
    """An overlay that has a model trained again."""
    made = render_with(tmp_path, "record", "retrain")
    of_kind(made, "ConfigMap", "model-trainer-settings")["data"]["MODEL"] = MODEL.name
    return made


def registry(engine: Engine, image: str, home: Path, *arguments: str) -> Any:
    """Runs a command of the registry on the trainer's home."""
    mounted = f"--volume={home}:{HOME}"
    told = engine.run("run", "--rm", *LOCKED_DOWN, mounted, image, *arguments, "--json")
    return json.loads(told)


@pytest.fixture(scope="module")
def champion(
    engine: Engine,
    trainer_image: str,
    volumes: dict[str, Path],
    stored_models: dict[str, bentoml.Model],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Tag of the version that the home begins with: the server's own, imported."""
    home, tag = volumes[HOME_CLAIM], str(stored_models[MODEL.name].tag)
    file = home / "champion.tar"
    export(tag, file, tmp_path_factory.mktemp("elsewhere"))
    brought = registry(engine, trainer_image, home, "import", f"{HOME}/{file.name}")
    assert brought == {"tag": tag, "stored": True, "alias": "champion"}
    return tag


def export(tag: str, file: Path, home: Path) -> None:
    """Writes a version of the session's store to a file, which the containers' user may read."""
    # A copy: the store is to have no history.
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", home / "models")
    subprocess.run(
        [sys.executable, "-m", "registry", "export", tag, str(file)],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        check=True,
    )
    os.chown(file, UID, UID)


def labels_of(prediction_id: str, folder: Path) -> pd.DataFrame:
    """What became true of the rows of a prediction: something that no version has learnt."""
    (target,) = MODEL.target
    truth = pd.read_csv(write_table(MODEL, folder, LABELLED))[target]
    frame = pd.DataFrame({"prediction_id": prediction_id, "row": range(LABELLED)})
    return frame.assign(label=truth)


@pytest.fixture(scope="module")
def labels(
    engine: Engine, image: str, volumes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """All there are of rows that a server has recorded; it was told the first few."""
    settings, folders = {"MODEL_SERVER_RECORD": RECORD}, {volumes[RECORD_CLAIM]: RECORD}
    records = body_of(MODEL, random_records(MODEL, LABELLED))
    with Container.start(engine, image, environment=settings, folders=folders) as server:
        server.wait_until_ready()
        asked = requests.post(server.url + ROUTE, json=records, timeout=30)
        asked.raise_for_status()
        labels = labels_of(asked.headers["x-prediction-id"], tmp_path_factory.mktemp("labels"))
        few = {"labels": labels[:FEW].to_dict("records")}
        requests.post(f"{server.url}/feedback", json=few, timeout=30).raise_for_status()
        assert server.stop() == 0
    return labels


def test_the_job_trains_once_there_are_enough_labels(
    engine: Engine,
    monitor_image: str,
    trainer_image: str,
    volumes: dict[str, Path],
    champion: str,
    labels: pd.DataFrame,
    manifests: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    home, record = volumes[HOME_CLAIM], volumes[RECORD_CLAIM]

    def run(name: str, image: str) -> Ended:
        ended = run_job(engine, manifests, name, image, volumes, tmp_path)
        assert ended.code == 0, ended.complaint
        return ended

    def history() -> Any:
        return registry(engine, trainer_image, home, "history", MODEL.name)

    run("model-record-converter", monitor_image)
    before = history()

    idle = run("model-trainer", trainer_image)

    assert f"{FEW} recorded rows with a label" in idle.complaint
    assert "1,000 are wanted (--least): nothing was trained" in idle.complaint
    assert (idle.output, history()) == ("", before)

    labels[FEW:].to_csv(record / "labels.csv", index=False)
    command = ["labels", "--record", RECORD, "--file", f"{RECORD}/labels.csv"]
    engine.run("run", "--rm", *LOCKED_DOWN, f"--volume={record}:{RECORD}", monitor_image, *command)

    told = json.loads(run("model-trainer", trainer_image).output)

    assert (told["alias"], told["labelled_rows"]) == ("challenger", LABELLED)
    assert told["gate"]["champion"] == champion
    (event,) = history()[len(before) :]
    assert (event["to"], event["alias"]) == (told["tag"], "challenger")
    assert event["gate"] == told["gate"]
    assert (home / "models" / told["tag"].replace(":", "/") / "report.html").is_file()
