"""The drill: a backup of a server that is asked all the while, restored elsewhere, serves on."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from deploy.processes import wait_until
from framework.discovery import find_model
from framework.record.folder import RecordFolder
from monitoring.__main__ import main as monitoring
from monitoring.label_store.database import Database as LabelDatabase
from monitoring.label_store.tables import metadata as label_tables
from monitoring.store import Store
from registry.backup.archive import SUMS
from registry.history import History
from tests.contract.cases import edge_records
from tests.processes import Server
from tests.unit.registry.made import NAME, PACKAGE, done, write_tables

MODEL = find_model(NAME, PACKAGE)
ROWS = edge_records(MODEL)[:20]
DEADLINE_SECONDS = 60
CHAMPION, NEWER = f"{NAME}:v1", f"{NAME}:v2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a home whose champion is not the newest."""
    folder = tmp_path_factory.mktemp("drill")
    right, wrong = write_tables(folder)
    done(folder / "home", "train", "v1", str(wrong))
    done(folder / "home", "list")
    done(folder / "home", "train", "v2", str(right))
    return folder


@contextlib.contextmanager
def serving(home: Path, record: Path) -> Iterator[httpx.Client]:
    settings = {
        "BENTOML_HOME": str(home),
        "MODELS": NAME,
        "MODEL_SERVER_RECORD": str(record),
        "MODEL_SERVER_RECORD_FILE_SECONDS": "1",
        f"{NAME.upper()}_MODEL": "",
    }
    with (
        Server.start("tests.models.service:ProofServer", environment=settings) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client


def answers(client: httpx.Client) -> tuple[str, Any]:
    asked = client.post(f"/{NAME}/predict", json={MODEL.rows: ROWS}).raise_for_status()
    return asked.headers["X-Model-Tag"], asked.json()


class Asking(threading.Thread):
    """Asks, and labels what was answered, until it is told to stop."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self._client = client
        self._stopped = threading.Event()
        self.answered: list[str] = []

    def run(self) -> None:
        # Whoever makes the backup needs the cores, too.
        while not self._stopped.wait(0.02):
            asked = self._client.post(f"/{NAME}/predict", json={MODEL.rows: ROWS})
            prediction = asked.raise_for_status().headers["X-Prediction-ID"]
            label = {"prediction_id": prediction, "row": 0, "label": "malignant"}
            self._client.post("/feedback", json={"labels": [label]}).raise_for_status()
            self.answered.append(prediction)

    def __enter__(self) -> "Asking":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join(DEADLINE_SECONDS)


def convert(record: Path) -> set[str]:
    """Converts what is closed; returns the predictions there are."""
    assert monitoring(["convert", "--record", str(record)], PACKAGE) == 0
    found = Store(record).rows(NAME, CHAMPION.partition(":")[2], columns=["prediction_id"])
    return set(found["prediction_id"].to_pylist())


def labelled(record: Path) -> set[str]:
    """Predictions that have labels."""
    with LabelDatabase(record).reading() as connection:
        asked = (sa.select(table.c.prediction_id) for table in label_tables.tables.values())
        return set(connection.execute(sa.union(*asked)).scalars())


def has_closed(record: Path) -> bool:
    return any(not file.is_open for file in RecordFolder(record).spool_files())


def test_a_backup_of_a_server_at_work_serves_on_elsewhere(folder: Path) -> None:
    home, record, archive = folder / "home", folder / "record", folder / "backup"
    with serving(home, record) as client:
        with Asking(client) as asking:
            wait_until(lambda: has_closed(record), DEADLINE_SECONDS, "nothing was closed")
            before, labels = convert(record), labelled(record)
            wait_until(lambda: has_closed(record), DEADLINE_SECONDS, "nothing was closed")
            told = done(home, "backup", str(archive), "--record", str(record))
        expected = answers(client)
    assert told["left_out"] == []
    assert before
    assert labels

    elsewhere, its_record = folder / "elsewhere" / "home", folder / "elsewhere" / "record"
    done(elsewhere, "restore", str(archive), "--record", str(its_record))

    sums = dict(line.split("  ")[::-1] for line in (archive / SUMS).read_text().splitlines())
    roots = {"models": elsewhere, "record": its_record.parent}
    copied = [name for name in sums if name.partition("/")[0] in roots]
    assert any(name.startswith("record/spool/") for name in copied)
    for name in copied:
        path = roots[name.partition("/")[0]] / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sums[name]
    assert {one["tag"]: one["problem"] for one in done(elsewhere, "verify", NAME)} == {
        CHAMPION: None,
        NEWER: None,
    }
    assert History(elsewhere).events() == History(home).events()
    # What was there when it began, and nothing that was not answered.
    restored = convert(its_record)
    assert before < restored <= set(asking.answered)
    assert labels < labelled(its_record) <= set(asking.answered)
    assert expected[0] == CHAMPION
    with serving(elsewhere, its_record) as client:
        assert answers(client) == expected
