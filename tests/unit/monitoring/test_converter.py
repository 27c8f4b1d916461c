"""Converting: everything once, whatever happens; what cannot be read is kept."""

import os
import stat
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from deploy.processes import ROOT
from framework.record.folder import RecordFolder, new_spool_file
from framework.record.frames import Frames, frame
from monitoring.errors import MonitoringError
from monitoring.label_store.store import Counts
from monitoring.record import converter
from monitoring.store import Store
from tests.unit.monitoring import killed
from tests.unit.monitoring.spooled import (
    DAY_NS,
    FIRST_DAY_NS,
    answered,
    convert,
    entry,
    labelled,
    labels,
    prediction_id,
    refused,
    spool,
)


def keys(root: Path) -> Counter[tuple[str, int]]:
    """Prediction id and row of all that is there, and how often."""
    table = Store(root).rows("gauges", "v1")
    return Counter(zip(table["prediction_id"].to_pylist(), table["row"].to_pylist(), strict=True))


def spooled(root: Path) -> list[Path]:
    return sorted((root / "spool").iterdir())


def test_rows_have_their_identity_and_their_values(tmp_path: Path) -> None:
    spool(tmp_path, [answered(3, rows=2, ns=FIRST_DAY_NS), refused(5, ns=FIRST_DAY_NS)])

    assert convert(tmp_path) == "1 files: 2 rows, 1 refused requests"

    first, second = Store(tmp_path).rows("gauges", "v1").to_pylist()
    time = datetime(2026, 3, 1, tzinfo=UTC)
    assert first == {
        "prediction_id": prediction_id(3),
        "row": 0,
        "time": time,
        "protocol": "http",
        "route": "/gauges/predict",
        "request_id": "order-3",
        "status": 200,
        "input.level": 3.0,
        "input.count": 1,
        "input.flag": True,
        "input.grade": "low",
        "input.step": 2,
        "input.pressure": None,
        "input.note": None,
        "output.value": 3.0,
    }
    assert (second["row"], second["output.value"]) == (1, 4.0)
    assert Store(tmp_path).failed().to_pylist() == [
        {
            "prediction_id": prediction_id(5),
            "time": time,
            "model": "gauges",
            "version": "v1",
            "protocol": "http",
            "route": "/gauges/predict",
            "request_id": "order-5",
            "status": 400,
            "code": "invalid_input",
            "place": "gauges.0.level",
            "type": "missing",
        }
    ]
    assert spooled(tmp_path) == []


def test_files_lie_by_model_version_and_day_for_their_owner_alone(tmp_path: Path) -> None:
    path = spool(
        tmp_path,
        [
            answered(1, ns=FIRST_DAY_NS),
            answered(2, ns=FIRST_DAY_NS + DAY_NS),
            answered(3, ns=FIRST_DAY_NS, tag="gauges:v2"),
            refused(4, ns=FIRST_DAY_NS),
        ],
    )
    convert(tmp_path)

    parquet = tmp_path / "parquet"
    assert sorted(str(one.relative_to(parquet)) for one in parquet.rglob("*.parquet")) == [
        f"failed/day=2026-03-01/{path.stem}-0.parquet",
        f"model=gauges/version=v1/day=2026-03-01/{path.stem}-0.parquet",
        f"model=gauges/version=v1/day=2026-03-02/{path.stem}-0.parquet",
        f"model=gauges/version=v2/day=2026-03-01/{path.stem}-0.parquet",
    ]
    for one in parquet.rglob("*"):
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600)


def test_large_files_are_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converter, "PART_ROWS", 10)
    spool(tmp_path, [answered(one, rows=4) for one in range(10)])
    convert(tmp_path)

    sizes = [pq.read_metadata(one).num_rows for one in (tmp_path / "parquet").rglob("*.parquet")]
    assert sorted(sizes) == [4, 12, 12, 12]
    assert len(keys(tmp_path)) == 40


def test_what_a_killed_server_left_is_converted_up_to_its_torn_tail(tmp_path: Path) -> None:
    path = spool(tmp_path, [answered(one) for one in range(25)], closed=False)
    with path.open("ab") as file:
        file.write(b"".join(frame([answered(30)])[:2])[:-3])

    assert "torn bytes" in convert(tmp_path)

    assert len(keys(tmp_path)) == 25
    assert spooled(tmp_path) == []


def test_what_is_being_written_is_left_to_its_writer(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    folder.create()
    _, descriptor = new_spool_file(folder.spool, 1)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(b"".join(frame([answered(1)])[:2]))
        assert convert(tmp_path).startswith("0 files")
        assert len(spooled(tmp_path)) == 1

    assert convert(tmp_path).startswith("1 files: 1 rows")


@pytest.mark.parametrize(
    "unreadable",
    [
        entry(7, 200, b'{"gauges":[{"level":"high"}]}', b'[{"value":1}]'),
        entry(7, 200, b'{"gauges":', b'[{"value":1}]'),
        entry(7, 200, b"\xff", b"\xff"),
        entry(7, 200, b'{"gauges":[]}', b'[{"value":1}]'),
        answered(7, tag="gone:v1"),
        (1, *answered(7)[1:]),
    ],
    ids=["another type", "no JSON", "no text", "other lengths", "no such model", "no prediction"],
)
def test_what_cannot_be_read_is_kept_as_it_is(
    tmp_path: Path, unreadable: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = spool(tmp_path, [answered(1), unreadable, answered(2)])

    assert convert(tmp_path) == (
        "1 files: 2 rows, 0 refused requests, 1 entries that could not be read"
    )

    (entries,) = Frames(tmp_path / "unread" / path.name)
    assert [one.prediction_id for one in entries] == [prediction_id(7)]
    assert set(keys(tmp_path)) == {(prediction_id(1), 0), (prediction_id(2), 0)}
    assert "cannot be read" in caplog.text


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    body = b'{"gauges":[{"level":1,"count":1,"flag":null,"grade":null}]}'
    spool(tmp_path, [entry(1, 200, body, b'[{"value":null}]')])
    convert(tmp_path)

    (row,) = Store(tmp_path).rows("gauges", "v1").to_pylist()
    assert row["output.value"] is None
    assert row["input.flag"] is None


def test_killed_a_hundred_times_it_converts_everything_once(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.monitoring.killed", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    rounds = killed.AT_STEPS + killed.AT_TIMES
    assert int(ran.stdout) > 0.9 * rounds

    convert(tmp_path)

    entries = [one for number in range(rounds) for one in killed.entries_of(number)]
    rows = {
        (one[2], row) for one in entries if one[7] == 200 for row in range(one[9].count(b'"level"'))
    }
    assert keys(tmp_path) == Counter(rows)
    failed = Store(tmp_path).failed()["prediction_id"].to_pylist()
    assert Counter(failed) == Counter(one[2] for one in entries if one[7] != 200)
    assert labels(tmp_path).counts() == {"gauges": Counts(known=rounds * killed.ENTRIES // 10)}
    assert not list(tmp_path.rglob("*.tmp"))
    assert spooled(tmp_path) == []


def test_labels_go_to_their_database(tmp_path: Path) -> None:
    spool(tmp_path, [labelled(1, 2.0), answered(1), labelled(2, 3.0)])

    assert convert(tmp_path) == "1 files: 1 rows, 0 refused requests, 2 labels"

    (held,) = labels(tmp_path).labels("gauges").to_pylist()
    assert (held["prediction_id"], held["row"], held["label"]) == (prediction_id(1), 0, "2.0")
    # The row of the other one comes later.
    spool(tmp_path, [answered(2)])
    convert(tmp_path)
    assert labels(tmp_path).counts() == {"gauges": Counts(known=2)}


def test_a_label_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    *start, _, answer = labelled(1, 2.0)
    broken: Any = (*start, b"no", answer)
    spool(tmp_path, [broken])

    assert "1 entries that could not be read" in convert(tmp_path)

    (unread,) = (tmp_path / "unread").iterdir()
    assert len(next(iter(Frames(unread)))) == 1


def test_without_its_database_a_file_with_labels_stays(tmp_path: Path) -> None:
    (tmp_path / "labels.db").mkdir()
    with_labels = spool(tmp_path, [answered(1), labelled(1, 2.0)])
    spool(tmp_path, [answered(2)])

    with pytest.raises(MonitoringError, match=r"labels\.db: cannot be used"):
        convert(tmp_path)

    assert spooled(tmp_path) == [with_labels]
    assert len(keys(tmp_path)) == 2

    (tmp_path / "labels.db").rmdir()
    convert(tmp_path)
    assert len(keys(tmp_path)) == 2
    assert labels(tmp_path).counts() == {"gauges": Counts(known=1)}
