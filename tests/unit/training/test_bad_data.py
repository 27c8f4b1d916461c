"""Data that cannot be trained on: one readable message, exit code 1, nothing stored."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.training.conftest import entries
from training.__main__ import main
from training.data import Table

Edit = Callable[[pd.DataFrame], pd.DataFrame]


def put(column: str, **values: str) -> Edit:
    """Sets cells: `row_5="x"` puts "x" in the row on line 5 of the file."""

    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        for place, value in values.items():
            frame.loc[int(place.removeprefix("row_")) - 2, column] = value
        return frame

    return edit


ATTRITION: dict[str, tuple[Edit, list[str]]] = {
    "missing column": (
        lambda frame: frame.drop(columns="average_monthly_hours"),
        ["column average_monthly_hours is missing", "also accepted: average_montly_hours"],
    ),
    "missing target": (lambda frame: frame.drop(columns="left"), ["column left is missing"]),
    "both spellings": (
        lambda frame: frame.assign(sales=frame["department"]),
        ["column department occurs twice, as department and sales"],
    ),
    "text for a number": (
        put("satisfaction_level", row_5="high"),
        ["column satisfaction_level: 1 value is not a number from 0 to 1: line 5 ('high')"],
    ),
    "fraction for a whole number": (
        put("number_project", row_4="3.5"),
        ["column number_project: 1 value is not a whole number from 0 to 50: line 4 ('3.5')"],
    ),
    "out of range": (
        put("last_evaluation", row_3="1.5", row_9="-0.1"),
        ["2 values are not a number from 0 to 1: lines 3 ('1.5'), 9 ('-0.1')."],
    ),
    "infinite": (put("last_evaluation", row_3="inf"), ["line 3 ('inf')"]),
    "not a number": (put("last_evaluation", row_3="nan"), ["line 3 ('nan')"]),
    "empty cell": (
        put("average_monthly_hours", row_7=""),
        ["column average_monthly_hours: 1 value is missing: line 7."],
    ),
    "unknown category": (
        put("salary", row_6="huge"),
        ["column salary: 1 value is not one of low, medium, high: line 6 ('huge')"],
    ),
    "target out of range": (
        put("left", row_2="2"),
        ["column left: 1 value is not a whole number from 0 to 1: line 2 ('2')"],
    ),
    "many at once": (
        lambda frame: put("salary", row_6="huge")(frame.assign(last_evaluation="9")),
        ["2 problems", "lines 2 ('9'), 3 ('9'), 4 ('9'), 5 ('9'), 6 ('9') and 395 more", "'huge'"],
    ),
    "no rows": (lambda frame: frame.head(0), ["the file holds no rows below its header"]),
    "one class": (
        lambda frame: frame.assign(left="0"),
        ["column left holds one class only"],
    ),
    "rare class": (
        lambda frame: pd.concat([frame[frame.left == "0"], frame[frame.left == "1"].head(9)]),
        ["column left has too few distinct rows", "1 has 9", "at least 10"],
    ),
    "rare once duplicates are gone": (
        lambda frame: pd.concat(
            [frame[frame.left == "0"], *[frame[frame.left == "1"].head(9)] * 5]
        ),
        ["too few distinct rows"],
    ),
}

TOPICS: dict[str, tuple[Edit, list[str]]] = {
    "missing column": (
        lambda frame: frame.drop(columns="title"),
        ["column title is missing", "the file has: description, tag"],
    ),
    "empty title": (put("title", row_3="  "), ["column title: 1 value is missing: line 3."]),
    "missing tag": (put("tag", row_3=""), ["column tag: 1 value is missing: line 3."]),
    "too long": (
        put("description", row_8="word " * 3000),
        ["title + description: 1 value is not a text from 1 to 10,000 characters: line 8"],
    ),
    "rare topic": (put("tag", row_8="rare"), ["'rare' has 1", "at least 10"]),
    "line of a row after one that spans lines": (
        lambda frame: put("title", row_4="")(put("description", row_3="one\n\ntwo")(frame)),
        # The record on lines 3 to 5 pushes the next one from line 4 to line 6.
        ["column title: 1 value is missing: line 6."],
    ),
}


def check_refused(
    arguments: list[str], expected: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(store)
    assert main(arguments) == 1
    message = capsys.readouterr().err
    for part in expected:
        assert part in message
    assert "Traceback" not in message
    assert entries(store) == before


@pytest.mark.parametrize(("edit", "expected"), ATTRITION.values(), ids=ATTRITION.keys())
def test_bad_employees_are_refused(
    edit: Edit,
    expected: list[str],
    employees: Table,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "employees.csv"
    edit(employees.frame.head(400)).to_csv(path, index=False)
    check_refused(["attrition", "--data", str(path)], [str(path), *expected], store, capsys)


@pytest.mark.parametrize(("edit", "expected"), TOPICS.values(), ids=TOPICS.keys())
def test_bad_projects_are_refused(
    edit: Edit,
    expected: list[str],
    projects: Table,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "projects.csv"
    edit(projects.frame).to_csv(path, index=False)
    check_refused(["topics", "--data", str(path)], [str(path), *expected], store, capsys)


def test_a_holdout_with_an_unknown_topic_is_refused(
    projects: Table, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, holdout = tmp_path / "data.csv", tmp_path / "holdout.csv"
    data.write_bytes(projects.content)
    put("tag", row_4="cooking")(projects.frame.head(20)).to_csv(holdout, index=False)
    check_refused(
        ["topics", "--data", str(data), "--holdout", str(holdout)],
        [str(holdout), "column tag: 1 value is not one of computer-vision", "line 4 ('cooking')"],
        store,
        capsys,
    )


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "the file is empty"),
    "unsupported": ("a.xlsx", b"PK", "unsupported format '.xlsx'; allowed: .csv, .parquet"),
    "broken Parquet": ("a.parquet", b"PAR1", "not a readable Parquet file"),
    "not UTF-8": ("a.csv", b"left\n\xff\n", "not UTF-8 text"),
    "ragged": ("a.csv", b"left,salary\n1,low\n1,low,x\n", "not a CSV table"),
    "ragged throughout": ("a.csv", b"left\n1,low\n1,low\n", "not a CSV table"),
    "repeated column": ("a.csv", b"left,left\n1,0\n", "column 'left' occurs more than once"),
}


@pytest.mark.parametrize(("name", "content", "expected"), FILES.values(), ids=FILES.keys())
def test_files_that_are_no_table_are_refused(
    name: str,
    content: bytes,
    expected: str,
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_bytes(content)
    check_refused(["attrition", "--data", str(tmp_path / name)], [name, expected], store, capsys)


def test_rows_of_a_parquet_file_are_counted_from_one(
    employees: Table, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "employees.parquet"
    put("salary", row_2="huge")(employees.frame.head(100)).to_parquet(path)
    check_refused(["attrition", "--data", str(path)], ["row 1 ('huge')"], store, capsys)
