"""`convert`, `query` and `delete`, as people call them."""

import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from deploy.processes import ROOT, wait_until
from framework.record.folder import RecordFolder, new_spool_file
from framework.record.frames import Frames, frame
from framework.record.labels import LabelEvent
from monitoring.__main__ import USAGE, main
from monitoring.label_store.store import Counts
from monitoring.store import Store
from tests.unit.monitoring.spooled import (
    DAY_NS,
    FIRST_DAY_NS,
    NOW_NS,
    PACKAGE,
    answered,
    convert,
    labelled,
    labels,
    prediction_id,
    refused,
    spool,
)

Ask = Any


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Calls the command line; returns exit code and output."""

    def call(*arguments: object) -> tuple[int, str]:
        command, *others = map(str, arguments)
        code = main([command, "--record", str(tmp_path), *others], PACKAGE)
        told = capsys.readouterr()
        return code, told.out + told.err

    return call


def lines(ask: Ask, *arguments: object) -> list[dict[str, Any]]:
    _, told = ask("query", "--format", "jsonl", *arguments)
    return [json.loads(line) for line in told.splitlines()]


def levels(ask: Ask, *arguments: object) -> list[float]:
    return [line["input.level"] for line in lines(ask, *arguments)]


def test_the_question_is_answered(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(one) for one in range(5)])
    convert(tmp_path)

    (line,) = lines(ask, "--request-id", "order-3")

    assert line["model"] == "gauges:v1"
    assert line["prediction_id"] == prediction_id(3)
    assert (line["input.level"], line["output.value"]) == (3.0, 3.0)
    code, told = ask("query", "--prediction-id", prediction_id(3))
    assert code == 0
    assert "model           gauges:v1" in told
    assert ask("query", "--request-id", "order-9") == (1, "0 rows\n")


def test_what_is_not_converted_yet_is_found_and_nothing_twice(tmp_path: Path, ask: Ask) -> None:
    converted = spool(tmp_path, [answered(1)])
    content = converted.read_bytes()
    convert(tmp_path)
    # As if the converter had been killed before it deleted the file.
    converted.write_bytes(content)
    spool(tmp_path, [answered(2), refused(3)], closed=False)

    assert levels(ask, "--model", "gauges") == [1.0, 2.0]
    assert [line["code"] for line in lines(ask, "--failed")] == ["invalid_input"]


def test_times_and_versions_choose(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(day, ns=FIRST_DAY_NS + day * DAY_NS) for day in range(4)])
    convert(tmp_path)
    spool(tmp_path, [answered(7, ns=NOW_NS, tag="gauges:v2")])

    utc = "+00:00"
    assert levels(ask, "--since", f"2026-03-02T00:00{utc}") == [1, 2, 3, 7]
    assert levels(ask, "--until", f"2026-03-03T00:00{utc}") == [0, 1]
    assert levels(ask, "--since", "24h") == [7]
    assert levels(ask, "--version", "v1") == [0, 1, 2, 3]
    assert levels(ask, "--newest", 2) == [3, 7]
    assert levels(ask, "--model", "spans") == []


def test_it_is_exported(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(one) for one in range(150)])
    convert(tmp_path)
    for form in ("csv", "parquet", "jsonl"):
        output = tmp_path / f"out.{form}"
        assert ask("query", "--format", form, "--output", output) == (0, "")
    with (tmp_path / "out.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 150
    assert pq.read_table(tmp_path / "out.parquet")["input.level"].to_pylist() == list(range(150))
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 150

    assert ask("query", "--format", "parquet")[0] == USAGE
    _, told = ask("query")
    assert told.endswith("150 rows, the newest 100 of them shown\n")


def test_a_prediction_is_deleted_wherever_it_is(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(1, rows=2), answered(2), refused(3), answered(4, tag="gone:1")])
    convert(tmp_path)
    spool(tmp_path, [answered(5), answered(6)])

    assert ask("delete", prediction_id(1)) == (0, "2 rows deleted\n")
    for number in (3, 4, 5):
        assert ask("delete", prediction_id(number))[0] == 0

    ids = Store(tmp_path).rows("gauges", "v1")["prediction_id"].to_pylist()
    assert ids == [prediction_id(2), prediction_id(6)]
    assert len(Store(tmp_path).failed()) == 0
    (unread,) = (tmp_path / "unread").iterdir()
    assert list(Frames(unread)) == [[]]


def test_labels_are_deleted_with_their_prediction(tmp_path: Path, ask: Ask) -> None:
    spool(tmp_path, [answered(1), answered(2), labelled(1, 2.0), labelled(2, 2.0)])
    convert(tmp_path)
    spool(tmp_path, [labelled(1, 3.0), labelled(2, 3.0)])

    ask("delete", prediction_id(1))

    assert labels(tmp_path).counts() == {"gauges": Counts(known=2)}
    assert set(labels(tmp_path).labels("gauges")["prediction_id"].to_pylist()) == {prediction_id(2)}


def test_old_days_are_deleted_though_labels_cannot_be_kept(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "labels.db").mkdir()
    spool(tmp_path, [answered(1, ns=FIRST_DAY_NS), labelled(1, 2.0)])

    code, told = ask("convert", "--keep-days", 3)

    assert code == USAGE
    assert "labels.db: cannot be used" in told
    assert not list(tmp_path.glob("parquet/model=*/**/*.parquet"))


def test_labels_grow_too_old_as_rows_do(tmp_path: Path, ask: Ask) -> None:
    ages = [(1, 0), (2, 3), (3, 5)]
    received = [(one, NOW_NS // 1_000 - days * DAY_NS // 1_000) for one, days in ages]
    labels(tmp_path).add(
        LabelEvent(prediction_id(one), 0, 1.0, None, "", time) for one, time in received
    )

    ask("convert", "--keep-days", 3)

    assert labels(tmp_path).counts() == {"gauges": Counts(unknown=2)}


def test_what_a_server_is_writing_is_deleted_when_it_is_converted(tmp_path: Path, ask: Ask) -> None:
    folder = RecordFolder(tmp_path)
    folder.create()
    _, descriptor = new_spool_file(folder.spool, NOW_NS)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(b"".join(frame([answered(1), answered(2)])[:2]))
        code, told = ask("delete", prediction_id(1))
        assert (code, told.splitlines()[0]) == (0, "0 rows deleted")
        assert "may still hold it" in told
    convert(tmp_path)

    assert Store(tmp_path).rows("gauges", "v1")["prediction_id"].to_pylist() == [prediction_id(2)]


def test_a_deletion_is_forgotten_when_nobody_can_hold_it(tmp_path: Path, ask: Ask) -> None:
    ask("delete", prediction_id(1))
    (noted,) = (tmp_path / "deleted").iterdir()
    convert(tmp_path)
    assert noted.exists()

    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    os.utime(noted, (an_hour_ago.timestamp(),) * 2)
    convert(tmp_path)
    assert not noted.exists()


@pytest.mark.parametrize("name", ["../hash.key", "gauges", "gauges-12", ""])
def test_what_is_no_id_deletes_nothing(ask: Ask, name: str) -> None:
    code, told = ask("delete", name)

    assert code == USAGE
    assert "is no prediction id" in told


def test_old_days_are_deleted_and_the_oldest_of_too_much(tmp_path: Path, ask: Ask) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0)
    now_ns = int(today.timestamp()) * 10**9
    spool(tmp_path, [answered(day, ns=now_ns - day * DAY_NS) for day in range(5)])
    spool(tmp_path, [refused(day, ns=now_ns - day * DAY_NS) for day in range(5)])

    def days(name: str) -> list[int]:
        found = (tmp_path / "parquet").glob(f"{name}/day=*")
        dates = [datetime.fromisoformat(f"{path.name[4:]}T00:00:01+00:00") for path in found]
        return sorted((today - one).days for one in dates)

    _, told = ask("convert", "--keep-days", 3)
    assert "deleted" in told
    assert days("model=*/version=*") == days("failed") == [0, 1, 2, 3]

    ask("convert", "--keep-bytes", "1K")
    assert days("model=*/version=*") == days("failed") == [0]
    assert ask("convert") == (0, "")


@pytest.mark.parametrize("size", ["-1", "5X", "", "K"])
def test_a_size_must_be_one(ask: Ask, size: str) -> None:
    with pytest.raises(SystemExit) as ended:
        ask("convert", f"--keep-bytes={size}")
    assert ended.value.code == USAGE


def test_a_record_must_be_named(ask: Ask, tmp_path: Path) -> None:
    assert main(["convert", "--record", str(tmp_path / "none")], PACKAGE) == USAGE


def test_it_watches_until_it_is_told_to_end(tmp_path: Path) -> None:
    RecordFolder(tmp_path).create()
    command = [sys.executable, "-m", "monitoring", "convert", "--watch", "0.1"]
    environment = {**os.environ, "MODEL_SERVER_RECORD": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as watching:
        for number in range(2):
            # None of the models of this repository: it is kept as it is.
            path = spool(tmp_path, [answered(number, tag="gone:1")])
            kept = tmp_path / "unread" / path.name
            wait_until(kept.exists, 30, "nothing was converted")
            wait_until(lambda: not any((tmp_path / "spool").iterdir()), 30, "it is not deleted")
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 0
