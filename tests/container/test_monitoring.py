"""The image of what watches: it reads what a server recorded, and tells Prometheus."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.engine import Engine
from deploy.processes import free_port, wait_until
from deploy.running import LOCKED_DOWN, Container
from tests.container.conftest import Measured, deploy, reported
from tests.server.asked import BODY, MODEL, ROUTE

EXPORTER_PORT = 9464
UID = 10_001
RECORD = "/record"
DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def monitor_image(engine: Engine, image: str, measured: Measured) -> Iterator[str]:
    """The image, made of the server's."""
    report = deploy("monitor-image", image)
    measured("image of what watches", reported(report, "size "))
    name = reported(report, "image ")
    yield name
    engine.run("rmi", "--force", name)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user in the containers, as a volume is in a pod."""
    folder = tmp_path_factory.mktemp("record")
    os.chown(folder, UID, UID)
    return folder


@pytest.fixture(scope="module")
def prediction(engine: Engine, image: str, record: Path) -> str:
    """Prediction id of a request that a server has recorded, which has ended."""
    with Container.start(
        engine, image, environment={"MODEL_SERVER_RECORD": RECORD}, folders={record: RECORD}
    ) as server:
        server.wait_until_ready()
        response = requests.post(server.url + ROUTE, json=BODY, timeout=10)
        response.raise_for_status()
        server.stop()
        return response.headers["x-prediction-id"]


def test_what_a_server_recorded_is_converted_asked_for_and_checked(
    engine: Engine, monitor_image: str, record: Path, prediction: str
) -> None:
    def monitoring(*arguments: str) -> str:
        volume = f"--volume={record}:{RECORD}"
        command = ["run", "--rm", *LOCKED_DOWN, volume, monitor_image, *arguments]
        return engine.run(*command, "--record", RECORD)

    monitoring("convert")
    assert list((record / "parquet").rglob("*.parquet"))
    (found,) = map(json.loads, monitoring("query", "--format", "jsonl").splitlines())
    assert found["prediction_id"] == prediction

    # As it starts by itself: the exporter.
    ports, folders = {EXPORTER_PORT: free_port()}, {record: RECORD}
    with Container.start(engine, monitor_image, ports=ports, folders=folders) as exporter:
        url = f"http://{exporter.address(EXPORTER_PORT)}/metrics"
        checked = "model_monitor_last_check_timestamp_seconds"

        def models() -> set[str]:
            try:
                text = requests.get(url, timeout=5).text
            except requests.ConnectionError:
                return set()
            families = text_string_to_metric_families(text)
            samples = (sample for family in families for sample in family.samples)
            return {one.labels["model"] for one in samples if one.name == checked}

        wait_until(lambda: models() == {MODEL.name}, DEADLINE_SECONDS, "nothing was checked")
        assert exporter.stop() == 0
