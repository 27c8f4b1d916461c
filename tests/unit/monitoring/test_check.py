"""A check of a model in use, from the record to the exit code."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework import Bundle, ModelCard
from monitoring.__main__ import main
from monitoring.check import labels_of
from monitoring.drift.windows import Sizes
from monitoring.errors import MonitoringError
from monitoring.result import Result
from monitoring.store import Store
from tests.stored import without_hashes
from tests.unit.monitoring import spooled
from tests.unit.monitoring.conftest import Check, Rows, staff
from tests.unit.monitoring.labels.made import after, event
from tests.unit.monitoring.recorded import START, write, write_failed
from tests.unit.monitoring.toys.staff import MODEL

TOYS = "tests.unit.monitoring.toys"
LOW: dict[str, Any] = {"salary": "low"}


def columns(result: Result) -> dict[str, Any]:
    return {one.column: one for one in result.drift.windows[-1].columns}


def test_rows_like_the_held_out_ones_are_steady(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    write(store.folder, bundle, staff(known, 2_000))
    result = checked()
    assert result.drift.state == "steady"
    assert (result.drift.judged, result.exit_code) == (1, 0)
    (window,) = result.drift.windows
    assert window.rows == 2_000
    assert window.level == pytest.approx(0.01 / 8)
    assert bundle.card.reference is not None
    assert {one.column for one in window.columns} == set(bundle.card.reference.columns)
    for one in window.columns:
        assert sum(one.window) == 2_000
        assert sum(one.reference) == bundle.card.data.test_rows


def test_a_shift_is_suspected_once_and_an_alarm_after_a_second_window(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    sizes = Sizes(full=600)
    write(store.folder, bundle, staff(known, 600, **LOW), name="a-1-1")
    result = checked(sizes=sizes)
    assert (result.drift.state, result.exit_code) == ("suspected", 0)
    assert result.drift.sentence.startswith("Suspected: salary")
    # The same rows are no second window, however often they are looked at.
    for _ in range(3):
        again = checked(sizes=sizes)
        assert (again.drift.state, again.drift.judged) == ("suspected", 0)
    more = staff(known, 600, seed=1, evaluation=lambda values: values * 0.999, **LOW)
    write(store.folder, bundle, more, name="b-1-1", start=START.replace(hour=12))
    result = checked(sizes=sizes)
    assert (result.drift.state, result.exit_code) == ("alarm", 1)
    assert result.drift.sentence.startswith("Alarm: salary")
    assert next(iter(columns(result))) == "salary"
    assert columns(result)["salary"].psi > 0.2
    # It lasts until a window is steady again.
    write(
        store.folder,
        bundle,
        staff(known, 600, seed=2),
        name="c-1-1",
        start=START.replace(hour=16),
    )
    assert checked(sizes=sizes).drift.state == "steady"


def test_repeated_requests_are_no_alarm(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    some = staff(known, 400)
    for at in range(5):
        write(store.folder, bundle, some, name=f"{at}-1-1", start=START.replace(hour=8 + at))
    result = checked()
    assert (result.drift.state, result.exit_code) == ("unknown", 3)
    assert "400 distinct records of 2,000 rows are too few; 500 are needed" in result.drift.sentence


def test_too_few_rows_get_no_verdict(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    write(store.folder, bundle, staff(known, 499))
    result = checked()
    assert (result.drift.state, result.exit_code) == ("unknown", 3)
    assert result.drift.sentence.startswith("No verdict: 499 distinct records")
    assert result.drift.windows == []


def test_values_not_seen_before_are_counted(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    def longer(values: Any) -> Any:
        return np.where(np.arange(len(values)) < 7, 40, values)

    write(store.folder, bundle, staff(known, 600, years=longer))
    result = checked()
    assert columns(result)["years"].unseen == 7


def test_refused_requests_are_counted(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    write(store.folder, bundle, staff(known, 500))
    about = {"time": START, "model": "staff", "code": "invalid_input"}
    late = START.replace(year=START.year - 1)
    write_failed(
        store.folder,
        [
            {**about, "place": "records.0.salary", "type": "literal_error"},
            {**about, "place": "records.12.salary", "type": "literal_error"},
            {**about, "place": None, "type": None, "code": "overloaded"},
            {**about, "model": "others", "place": "records", "type": "missing"},
            {**about, "time": late, "place": "staff", "type": "missing"},
        ],
    )
    refused = checked().refused
    assert refused.requests == 3
    assert refused.by_code == {"invalid_input": 2, "overloaded": 1}
    assert refused.by_place == {"records.*.salary: literal_error": 2}


def test_versions_are_judged_apart(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    write(store.folder, bundle, staff(known, 600, **LOW))
    assert checked(sizes=Sizes(full=600)).drift.state == "suspected"
    history = store.folder / "drift" / "staff"
    assert [path.name for path in history.glob("*.json")] == [f"{bundle.version}.json"]
    assert {path.stat().st_mode & 0o777 for path in history.iterdir()} == {0o600}
    with pytest.raises(MonitoringError, match="staff:other is not in the model store"):
        checked(version="other")


def test_a_card_without_counts_says_how_to_get_some(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check, tmp_path: Path
) -> None:
    import bentoml

    from training import train

    stored = train(MODEL, tag="early")
    without_hashes(
        Path(bentoml.models.get("staff:early").path),
        lambda card: ModelCard.model_validate_json(
            card.model_dump_json(exclude={"reference", "files"})
        ),
    )
    early = Bundle.load(MODEL, bentoml.models.get(stored.tag))
    write(store.folder, early, staff(known, 600))
    try:
        result = checked()
    finally:
        bentoml.models.delete(stored.tag)
    assert result.exit_code == 3
    assert "`python -m training staff`" in result.drift.sentence


def test_a_history_that_cannot_be_read_is_told(
    bundle: Bundle[Any, Any], known: Rows, store: Store, checked: Check
) -> None:
    write(store.folder, bundle, staff(known, 500))
    checked()
    (path,) = (store.folder / "drift" / "staff").glob("*.json")
    path.write_text("{")
    with pytest.raises(MonitoringError, match="remove it, and the next check begins anew"):
        checked()


@pytest.fixture
def command(store: Store, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command line; returns its exit code, and what it says."""

    def run(*arguments: str) -> tuple[int, str, str]:
        given = ["check", "--model", "staff", "--record", str(store.folder), *arguments]
        code = main(given, TOYS)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_command_names_the_culprits_and_writes_the_result(
    bundle: Bundle[Any, Any], known: Rows, store: Store, command: Any, tmp_path: Path
) -> None:
    write(store.folder, bundle, staff(known, 1_000, **LOW))
    path = tmp_path / "found" / "result.json"
    code, said, _ = command("--window", "500", "--json", str(path))
    assert code == 1
    assert "Alarm: salary" in said
    assert "* salary" in said
    assert "performance  unknown: no labels" in said
    result = Result.model_validate_json(path.read_text())
    assert result.is_alarm
    assert json.loads(path.read_text())["drift"]["state"] == "alarm"


def test_the_page_needs_nothing_but_itself(
    bundle: Bundle[Any, Any], known: Rows, store: Store, command: Any, tmp_path: Path
) -> None:
    ids = write(store.folder, bundle, staff(known, 1_000, **LOW))
    labels = tmp_path / "labels.csv"
    told = [
        f"{one},0,{'yes' if at % 2 else 'no'},2026-11-03T00:00:00Z" for at, one in enumerate(ids)
    ]
    labels.write_text("\n".join(["prediction_id,row,label,time", *told]))
    path = tmp_path / "check.html"
    code, said, _ = command("--window", "500", "--labels", str(labels), "--html", str(path))
    assert code == 1
    assert "* roc_auc overall" in said
    page = path.read_text(encoding="utf-8")
    assert "Alarm: salary" in page
    assert "Worse than the card promises" in page
    assert page.count("<img") >= 8 + 2
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "nan" not in page


def test_a_page_without_a_verdict(
    bundle: Bundle[Any, Any], known: Rows, store: Store, command: Any, tmp_path: Path
) -> None:
    write(store.folder, bundle, staff(known, 100))
    path = tmp_path / "check.html"
    assert command("--html", str(path))[0] == 3
    assert "No verdict: 100 distinct records" in path.read_text(encoding="utf-8")
    code, _, said = command("--html", str(store.folder))
    assert code == 2
    assert "cannot be written" in said


def test_what_cannot_be_used_is_told(
    bundle: Bundle[Any, Any], known: Rows, store: Store, command: Any, tmp_path: Path
) -> None:
    assert command()[0] == 2
    assert "has no rows of staff (models with rows: none)" in command()[2]
    write(store.folder, bundle, staff(known, 500))
    code, _, said = command("--least", "5", "--window", "4")
    assert (code, said) == (2, "--least 5 and --window 4: allowed are 1 ≤ least ≤ window.\n")
    assert "--margin 2 from 0 to below 1" in command("--margin", "2")[2]
    labels = tmp_path / "labels.csv"
    labels.write_text("prediction_id,label\n")
    assert "column row, time is missing" in command("--labels", str(labels))[2]
    assert "cannot be read" in command("--labels", str(tmp_path / "none.csv"))[2]
    assert main(["check", "--model", "nobody", "--record", str(tmp_path)], TOYS) == 2
    assert main(["check", "--model", "staff", "--record", str(tmp_path / "nowhere")], TOYS) == 2


def test_the_folder_may_be_named_by_the_variable(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MODEL_SERVER_RECORD", raising=False)
    assert main(["check", "--model", "staff"], TOYS) == 2
    assert "Where is the record?" in capsys.readouterr().err
    monkeypatch.setenv("MODEL_SERVER_RECORD", str(store.folder))
    assert main(["check", "--model", "staff"], TOYS) == 2
    assert "has no rows of staff" in capsys.readouterr().err


def test_labels_are_those_of_the_database_unless_a_file_is_named(tmp_path: Path) -> None:
    spooled.spool(tmp_path, [spooled.answered(1), spooled.answered(2)])
    spooled.convert(tmp_path)
    spooled.labels(tmp_path).add([event(1, 2.0), event(2, 3.0, received=10)])
    options = argparse.Namespace(record=tmp_path, database=None, labels=None)

    assert labels_of(options, "gauges")(None)["label"].to_pylist() == ["2.0", "3.0"]
    assert labels_of(options, "gauges")(after(5))["label"].to_pylist() == ["3.0"]
    assert len(labels_of(options, "staff")(None)) == 0

    options.labels = tmp_path / "labels.csv"
    options.labels.write_text("prediction_id,row,label,time\na,0,4.0,2026-11-02T08:00:00Z\n")
    assert labels_of(options, "gauges")(None)["label"].to_pylist() == [4.0]
