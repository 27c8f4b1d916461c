"""Rows are found across files, days and workers, the newest last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring.store import Store
from tests.unit.monitoring.recorded import START, write_failed, write_lines

HOUR = timedelta(hours=1)


def line(hours: float, name: str = "a", row: int = 0, **more: Any) -> dict[str, Any]:
    return {"prediction_id": name, "row": row, "time": START + hours * HOUR, **more}


def ids(store: Store, **options: Any) -> list[str]:
    table = store.rows("m", "v1", **options)
    return table["prediction_id"].to_pylist() if len(table) else []


@pytest.fixture
def filled(store: Store) -> Store:
    """Two workers, three days."""
    folder = store.folder
    write_lines(folder, "m", "v1", [line(0, "a"), line(20, "c"), line(50, "f")], "one-1-1")
    write_lines(folder, "m", "v1", [line(1, "b"), line(21, "d"), line(49, "e")], "two-1-1")
    write_lines(folder, "m", "v0", [line(-1, "z")])
    return store


def test_rows_come_in_the_order_of_time(filled: Store) -> None:
    assert ids(filled) == ["a", "b", "c", "d", "e", "f"]


def test_some_may_be_asked_for(filled: Store) -> None:
    assert ids(filled, since=START + HOUR, until=START + 21 * HOUR) == ["b", "c"]
    assert ids(filled, since=START + 60 * HOUR) == []


@pytest.mark.parametrize("newest", range(1, 8))
def test_the_newest(filled: Store, newest: int) -> None:
    assert ids(filled, newest=newest) == ["a", "b", "c", "d", "e", "f"][-newest:]


def test_rows_of_the_same_time_have_an_order(store: Store) -> None:
    write_lines(store.folder, "m", "v1", [line(0, "b", 1), line(0, "b", 0), line(0, "a", 2)])
    table = store.rows("m", "v1")
    assert table["prediction_id"].to_pylist() == ["a", "b", "b"]
    assert table["row"].to_pylist() == [2, 0, 1]


def test_columns(filled: Store) -> None:
    write_lines(filled.folder, "m", "v1", [{**line(51, "g"), "input.x": 1}], "three-1-1")
    table = filled.rows("m", "v1", columns=["input.x"])
    assert set(table.column_names) == {"input.x", "time", "prediction_id", "row"}
    assert table["input.x"].to_pylist() == [None] * 6 + [1]


def test_a_column_may_be_of_another_type_in_each_file(store: Store) -> None:
    for at, value in enumerate([None, 1, 1.5]):
        write_lines(store.folder, "m", "v1", [line(at, input=value)], f"{at}-1-1")
    assert store.rows("m", "v1")["input"].to_pylist() == [None, 1.0, 1.5]


def test_versions_by_their_last_answer(filled: Store) -> None:
    assert filled.versions("m") == ["v0", "v1"]
    write_lines(filled.folder, "m", "v0", [line(100, "y")], "late-1-1")
    assert filled.versions("m") == ["v1", "v0"]
    assert filled.versions("other") == []
    assert filled.models() == ["m"]


def test_files_that_are_deleted_meanwhile_are_passed_over(filled: Store) -> None:
    # Listed, and not there.
    gone = filled.folder / "parquet" / "model=m" / "version=v1" / "day=2026-11-02"
    (gone / "gone-1-1-0.parquet").symlink_to("nowhere")
    assert ids(filled) == ["a", "b", "c", "d", "e", "f"]
    assert ids(filled, newest=5) == ["b", "c", "d", "e", "f"]
    assert filled.versions("m") == ["v0", "v1"]
    failed = filled.folder / "parquet" / "failed" / "day=2026-11-02"
    failed.mkdir(parents=True)
    (failed / "gone-1-1-0.parquet").symlink_to("nowhere")
    assert len(filled.failed()) == 0


def test_an_empty_record(store: Store) -> None:
    assert len(store.rows("m", "v1")) == len(store.failed()) == 0
    assert store.models() == []


def test_failures(store: Store) -> None:
    write_failed(store.folder, [line(0, model="m", code="invalid_input"), line(1, model="n")])
    assert store.failed("m")["code"].to_pylist() == ["invalid_input"]
    assert len(store.failed()) == 2
    assert len(store.failed("n", since=START + 2 * HOUR)) == 0
    assert len(store.failed(until=datetime(2026, 11, 2, 9, tzinfo=UTC))) == 1
