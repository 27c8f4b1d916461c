"""Shadow answers that a server wrote: converted, found, deleted and forgotten like any row."""

from datetime import UTC, datetime
from pathlib import Path

from framework.record.folder import RecordFolder
from framework.record.frames import Entry, EntryTuple
from framework.record.shadow import ShadowAnswers, entry_of
from monitoring.record.deletion import delete
from monitoring.record.retention import Limits, keep
from monitoring.store import Store
from tests.unit.monitoring.spooled import (
    FIRST_DAY_NS,
    answered,
    convert,
    labels,
    models,
    prediction_id,
    spool,
)

OTHER = "gauges:v2"


def said(number: int, rows: int = 1) -> EntryTuple:
    """What another version said to a request."""
    answers = [{"value": number + row + 0.5} for row in range(rows)]
    shadow = ShadowAnswers(answers, 2e-6, "v1", 1e-6)
    return entry_of(Entry(*answered(number, ns=FIRST_DAY_NS)), OTHER, shadow)


def test_shadow_answers_are_kept_beside_the_answers(tmp_path: Path) -> None:
    spool(tmp_path, [answered(3, rows=2, ns=FIRST_DAY_NS), said(3, rows=2)])

    assert convert(tmp_path) == "1 files: 2 rows, 0 refused requests, 2 shadow answers"

    first, second = Store(tmp_path).shadow.rows("gauges", "v2").to_pylist()
    assert first == {
        "prediction_id": prediction_id(3),
        "row": 0,
        "time": datetime(2026, 3, 1, tzinfo=UTC),
        "answered_by": "v1",
        "seconds": 2e-6,
        "answered_seconds": 1e-6,
        "output.value": 3.5,
    }
    assert (second["row"], second["output.value"]) == (1, 4.5)
    assert Store(tmp_path).versions("gauges") == ["v1"]


def test_what_is_no_shadow_answer_is_kept_unread(tmp_path: Path) -> None:
    spool(tmp_path, [(*said(3)[:-1], b"torn")])
    assert convert(tmp_path).endswith("1 entries that could not be read")
    assert list((tmp_path / "unread").iterdir())


def test_a_deleted_prediction_takes_its_shadow_along(tmp_path: Path) -> None:
    numbers = (3, 4)
    spool(tmp_path, [one for at in numbers for one in (answered(at, ns=FIRST_DAY_NS), said(at))])
    convert(tmp_path)

    rows, _ = delete(RecordFolder(tmp_path), models(), labels(tmp_path), prediction_id(3))

    assert rows == 2
    left = Store(tmp_path).shadow.rows("gauges", "v2")["prediction_id"].to_pylist()
    assert left == [prediction_id(4)]


def test_shadow_answers_are_kept_as_long_as_the_answers(tmp_path: Path) -> None:
    spool(tmp_path, [answered(3, ns=FIRST_DAY_NS), said(3)])
    convert(tmp_path)
    keep(RecordFolder(tmp_path), Limits(days=1))
    assert not list(tmp_path.rglob("*.parquet"))
