"""Replaying a record, and comparing what two versions said to it; each command a process."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from framework.discovery import find_model
from framework.record.labels import LabelEvent
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.store import Store
from tests.models.breast_cancer import CLASSES
from tests.unit.registry.made import (
    BEFORE_FILE,
    DEADLINE_SECONDS,
    NAME,
    PACKAGE,
    done,
    registry,
)
from training import rows
from training.data import of_source

V1, V2 = (f"{NAME}:v{number}" for number in (1, 2))


@pytest.fixture(scope="module")
def truth() -> list[int]:
    """Whether each of the tumours is malignant."""
    model = find_model(NAME, PACKAGE)
    assert model.data is not None
    known: list[int] = rows.read(model, of_source(model.data)).target.tolist()
    return known


@pytest.fixture(scope="module")
def record(trained_home: Path, truth: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the champion answered, and what became true of the first 400 rows; and a replay."""
    folder = tmp_path_factory.mktemp("record")
    done(trained_home, "record", str(folder), "v1")
    answered = Store(folder).rows(NAME, "v1", columns=["prediction_id", "row"]).to_pylist()
    labels = [
        LabelEvent(
            one["prediction_id"], one["row"], CLASSES[label], None, "", 1_800_000_000_000_000
        )
        for one, label in zip(answered[:400], truth[:400], strict=True)
    ]
    LabelStore(Database(folder), Store(folder)).add(labels)
    told = done(trained_home, "replay", V2, "--record", str(folder))
    assert told == {"tag": V2, "files": len(files(folder)), "rows": len(truth)}
    return folder


def files(folder: Path) -> list[Path]:
    return Store(folder).shadow.files(NAME)


def shadow(folder: Path) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = Store(folder).shadow.rows(NAME, "v2").to_pylist()
    return said


def test_every_row_is_answered_once_beside_the_champion(
    record: Path, trained_home: Path, truth: list[int]
) -> None:
    answered = Store(record).rows(NAME, "v1").to_pylist()
    said = shadow(record)

    assert len(answered) == len(said) == len(truth)
    for one, other in zip(answered, said, strict=True):
        assert [one[key] for key in ("prediction_id", "row", "time")] == [
            other[key] for key in ("prediction_id", "row", "time")
        ]
    assert {one["answered_by"] for one in said} == {"v1"}
    assert all(one["seconds"] > 0 and one["answered_seconds"] > 0 for one in said)
    assert {path.stat().st_mode & 0o777 for path in files(record)} == {0o600}
    # Nothing of it is an answer that was given.
    assert Store(record).versions(NAME) == ["v1"]

    before = {path: path.stat().st_mtime_ns for path in files(record)}
    assert done(trained_home, "replay", V2, "--record", str(record))["rows"] == 0
    assert {path: path.stat().st_mtime_ns for path in files(record)} == before


def test_both_are_compared_on_the_same_rows(
    record: Path, trained_home: Path, truth: list[int]
) -> None:
    found = done(trained_home, "compare", NAME, "--record", str(record))

    answered = Store(record).rows(NAME, "v1").to_pylist()
    said = shadow(record)
    first, second = (
        np.array([one["output.probability"] for one in lines]) for lines in (answered, said)
    )
    decided = [np.array([one["output.malignant"] for one in lines]) for lines in (answered, said)]
    assert (found["first"], found["second"]) == (V1, V2)
    assert (found["rows"], found["unpaired"]) == (len(truth), 0)
    agreement = found["agreement"]
    assert agreement["value"] == pytest.approx((decided[0] == decided[1]).mean())
    assert agreement["low"] < agreement["value"] < 1
    (shift,) = found["shifts"]
    apart = second - first
    assert shift["difference"]["value"] == pytest.approx(apart.mean())
    assert shift["absolute"] == pytest.approx(np.abs(apart).mean())
    half = 1.964 * apart.std(ddof=1) / np.sqrt(len(apart))
    assert shift["difference"]["high"] == pytest.approx(apart.mean() + half, abs=half / 100)
    assert all(one > 0 for one in found["seconds"])

    assert found["labelled"] == 400
    brier = {one["metric"]: one for one in found["metrics"]}["brier"]
    known = np.array(truth[:400])
    errors = [((one[:400] - known) ** 2) for one in (first, second)]
    assert brier["first"]["value"] == pytest.approx(errors[0].mean())
    assert brier["second"]["value"] == pytest.approx(errors[1].mean())
    difference = brier["difference"]
    assert difference["value"] == pytest.approx((errors[1] - errors[0]).mean())
    # Of the same rows, and so narrower than that of two independent samples.
    width = difference["high"] - difference["low"]
    assert width < np.hypot(
        *(brier[one]["high"] - brier[one]["low"] for one in ("first", "second"))
    )


def test_the_other_way_round_it_is_the_same(record: Path, trained_home: Path) -> None:
    found, turned = (
        done(trained_home, "compare", NAME, *tags, "--record", str(record))
        for tags in ((V1, V2), (V2, V1))
    )
    assert (turned["first"], turned["second"]) == (V2, V1)
    assert turned["seconds"] == found["seconds"][::-1]
    assert turned["agreement"] == found["agreement"]
    assert turned["shifts"][0]["first"] == found["shifts"][0]["second"]


def test_a_replay_that_is_killed_leaves_whole_files_and_is_finished_by_the_next(
    trained_home: Path, tmp_path: Path, truth: list[int]
) -> None:
    folder = tmp_path / "record"
    done(trained_home, "record", str(folder), "v1")
    days = Store(folder).files(NAME)
    last = f"{days[-1].name}"
    assert len(days) == 2
    killed = {BEFORE_FILE: f"replay-v1-{last}"}
    with registry(trained_home, "replay", V2, "--record", str(folder), **killed) as process:
        process.wait(DEADLINE_SECONDS)
    assert process.returncode == -signal.SIGKILL
    (kept,) = files(folder)
    first = pq.read_table(kept).num_rows

    told = done(trained_home, "replay", V2, "--record", str(folder))

    assert (told["files"], told["rows"]) == (2, len(truth) - first)
    assert len(shadow(folder)) == len(truth)
    assert not list(folder.rglob("shadow/**/*.tmp"))


def test_what_is_not_in_the_record_cannot_be_answered_again(
    trained_home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "record"
    done(trained_home, "record", str(folder), "v1", "input.error", "input.worst")
    complaint = done(trained_home, "replay", V2, "--record", str(folder), code=2)
    assert "lacks error, worst of the records of breast_cancer" in complaint
    assert not (folder / "shadow").exists()

    complaint = done(trained_home, "compare", NAME, "--record", str(folder), code=2)
    assert f"no row that both {V1} and {V2} answered" in complaint
    assert f"registry replay {V2} --record {folder}" in complaint


def test_what_cannot_be_meant_is_told(record: Path, trained_home: Path, tmp_path: Path) -> None:
    (tmp_path / "parquet").mkdir()
    asked = {
        ("replay", V2, "--record", str(tmp_path)): "python -m monitoring convert",
        ("replay", V2, "--record", str(record), "--since", "2027-01-01"): "since then",
        ("compare", NAME, V1, "--record", str(record)): "compared with itself",
    }
    for arguments, said in asked.items():
        assert said in done(trained_home, *arguments, code=2)
