"""The image of what watches: it reads what a server recorded, and tells Prometheus."""

import json
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.engine import Engine
from deploy.processes import free_port, wait_until
from deploy.running import LOCKED_DOWN, Container
from tests.container.conftest import volume
from tests.server.asked import BODY, MODEL, ROUTE

EXPORTER_PORT = 9464
RECORD = "/record"
DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volume that servers record into."""
    return volume(tmp_path_factory, "record")


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
        mounted = f"--volume={record}:{RECORD}"
        command = ["run", "--rm", *LOCKED_DOWN, mounted, monitor_image, *arguments]
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
