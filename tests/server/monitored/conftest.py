"""The whole of it, started once: a server, who checks what it records, and who scrapes both."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest

from deploy.processes import Child, free_port, wait_until
from tests.contract.cases import random_records
from tests.processes import Server
from tests.prometheus import Prometheus
from tests.server.asked import BODY, MODEL, ROUTE, body_of
from tests.server.operation.driving import traffic

DEADLINE_SECONDS = 60
WINDOW_ROWS = 2_000
# All of a window together: the first one is judged as soon as 500 rows of it are converted.
REQUEST_ROWS = WINDOW_ROWS


class Labels:
    """A file of what became true of the rows that were asked about.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = ["prediction_id,row,label,time"]

    def tell(self, asked: Sequence[tuple[str, int]], truth: Sequence[Any]) -> None:
        """Adds labels, by prediction id and row."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._lines += [
            f"{prediction},{row},{label},{now}"
            for (prediction, row), label in zip(asked, truth, strict=True)
        ]
        part = self.path.with_suffix(".part")
        part.write_text("\n".join(self._lines))
        part.rename(self.path)


@pytest.fixture(scope="package")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the record."""
    return tmp_path_factory.mktemp("record")


@pytest.fixture(scope="package")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """None yet."""
    labels = Labels(tmp_path_factory.mktemp("labels") / "labels.csv")
    labels.tell([], [])
    return labels


@pytest.fixture(scope="package")
def recording(stored_models: dict[str, bentoml.Model], record: Path) -> Iterator[Server]:
    """The real service, which records and lets go of its files at once."""
    environment = {"MODEL_SERVER_RECORD": str(record), "MODEL_SERVER_RECORD_FILE_SECONDS": "0.5"}
    with Server.start(environment=environment) as server:
        yield server


@pytest.fixture(scope="package")
def exporter(recording: Server, record: Path, labels: Labels) -> Iterator[str]:
    """Host and port of who checks what was recorded, every second."""
    port = free_port()
    command = [sys.executable, "-m", "monitoring"]
    of = ["--record", str(record)]
    checking = ["--labels", str(labels.path), "--every", "1", "--port", str(port)]
    with (
        Child([*command, "convert", *of, "--watch", "0.5"]),
        Child([*command, "serve", *of, *checking]),
    ):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="package")
def prometheus(
    recording: Server, exporter: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Scrapes them while one row is asked about all the time."""

    def predict() -> None:
        httpx.post(recording.url + ROUTE, json=BODY).raise_for_status()

    folder: Path = tmp_path_factory.mktemp("prometheus")
    server = recording.url.removeprefix("http://")
    with contextlib.ExitStack() as stack:
        stack.enter_context(traffic(predict))
        yield stack.enter_context(
            Prometheus.start(folder, model_server=server, model_monitor=exporter)
        )


@pytest.fixture(scope="package")
def asked(recording: Server, prometheus: Prometheus, labels: Labels) -> Prometheus:
    """Has seen a window of the rows that the model comes with, and then two of random ones."""
    rows, truth = own_rows(WINDOW_ROWS)
    labels.tell(send(recording, rows), truth)
    well = (
        f"model_monitor_window_records == {WINDOW_ROWS}"
        " and model_monitor_drift_alarm == 0 and model_monitor_performance_alarm == 0"
    )
    wait_until(
        lambda: bool(prometheus.query(well)), DEADLINE_SECONDS, "the first window was not judged"
    )
    alarms = 'ALERTS{alertname=~"ModelDrift|ModelPerformanceLow"}'
    assert prometheus.query(f"max_over_time({alarms}[1h])") == []
    others = send(recording, random_records(MODEL, 2 * WINDOW_ROWS))
    # As if what the model says had nothing to do with what becomes true.
    labels.tell(others, [truth[at % len(truth)] for at in range(len(others))])
    return prometheus


def own_rows(count: int) -> tuple[list[dict[str, Any]], list[Any]]:
    """Different rows of the table that the model is trained on where no other is given.

    Args:
        count: How many.

    Returns:
        The records, and what is true of them.
    """
    if MODEL.data is None:
        pytest.skip(f"the model {MODEL.name} comes without rows")
    table = MODEL.data.load()
    names = [field.name for field in MODEL.encoder.fields]
    columns = [table[name].tolist() for name in names]
    truth = table[MODEL.target[0]].tolist()
    rows = dict(zip(zip(*columns, strict=True), truth, strict=True))
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return records[:count], list(rows.values())[:count]


def send(server: Server, records: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    """Asks about records, many at a time; returns prediction id and row of each."""
    asked = []
    for begin in range(0, len(records), REQUEST_ROWS):
        some = records[begin : begin + REQUEST_ROWS]
        response = httpx.post(server.url + ROUTE, json=body_of(MODEL, some), timeout=30)
        response.raise_for_status()
        prediction = response.headers["x-prediction-id"]
        asked += [(prediction, row) for row in range(len(some))]
    return asked
