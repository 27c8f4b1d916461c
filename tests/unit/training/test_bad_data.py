"""Data that cannot be trained on: one readable message, exit code 1, nothing stored."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.training.conftest import check_refused

Edit = Callable[[pd.DataFrame], pd.DataFrame]


def put(column: str, **values: str) -> Edit:
    """Sets cells: `row_5="x"` puts "x" in the row on line 5 of the file."""

    def edit(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        for place, value in values.items():
            frame.loc[int(place.removeprefix("row_")) - 2, column] = value
        return frame

    return edit


def first(frame: pd.DataFrame, column: str, value: str, count: int) -> pd.DataFrame:
    """Keeps only so many rows of a value."""
    return pd.concat([frame[frame[column] != value], frame[frame[column] == value].head(count)])


def break_lists(frame: pd.DataFrame) -> pd.DataFrame:
    return put("place_1", row_3="")(frame)


CASES: dict[str, tuple[str, Edit, list[str]]] = {
    "missing column": (
        "loans",
        lambda frame: frame.drop(columns="amount"),
        ["column amount is missing (also accepted: Amount); the file has: income"],
    ),
    "missing target": (
        "loans",
        lambda frame: frame.drop(columns="repaid"),
        ["column repaid is missing"],
    ),
    "missing list": (
        "houses",
        lambda frame: frame.drop(columns=["place_0", "place_1"]),
        ["1 problem", "column place_0 is missing"],
    ),
    "both spellings": (
        "loans",
        lambda frame: frame.assign(Amount=frame["amount"]),
        ["column amount occurs twice, as amount and Amount"],
    ),
    "text for a number": (
        "loans",
        put("rate", row_5="steep"),
        ["column rate: 1 value is not a number above 0 and below 1: line 5 ('steep')"],
    ),
    "fraction for a whole number": (
        "loans",
        put("amount", row_4="3.5"),
        ["column amount: 1 value is not a whole number from 1 to 50,000: line 4 ('3.5')"],
    ),
    "out of range": (
        "loans",
        put("rate", row_3="1", row_9="0"),
        ["2 values are not a number above 0 and below 1: lines 3 ('1'), 9 ('0')."],
    ),
    "infinite": ("loans", put("rate", row_3="inf"), ["line 3 ('inf')"]),
    "not a number": ("loans", put("rate", row_3="nan"), ["line 3 ('nan')"]),
    "empty cell": (
        "loans",
        put("amount", row_7=""),
        ["column amount: 1 value is missing: line 7."],
    ),
    "unknown category": (
        "loans",
        put("band", row_6="huge"),
        ["column band: 1 value is not one of low, high: line 6 ('huge')"],
    ),
    "unknown number of a category": (
        "loans",
        put("grade", row_6="4"),
        ["column grade: 1 value is not one of 1, 2, 3: line 6 ('4')"],
    ),
    "neither true nor false": (
        "loans",
        put("owner", row_6="perhaps"),
        ["column owner: 1 value is not true or false: line 6 ('perhaps')"],
    ),
    "target of a third value": (
        "loans",
        put("repaid", row_2="maybe"),
        ["column repaid: 1 value is not one of no, yes: line 2 ('maybe')"],
    ),
    "target that is no number": (
        "houses",
        put("price", row_2="dear", row_3=""),
        ["column price: 1 value is missing: line 3.", "not a number: line 2 ('dear')"],
    ),
    "a list in parts": (
        "houses",
        break_lists,
        ["column place: 1 value is a list that is missing in part: line 3 ('1 of 2')"],
    ),
    "many at once": (
        "loans",
        lambda frame: put("band", row_6="huge")(frame.assign(rate="9")),
        ["2 problems", "lines 2 ('9'), 3 ('9'), 4 ('9'), 5 ('9'), 6 ('9') and 595 more", "'huge'"],
    ),
    "no rows": ("loans", lambda frame: frame.head(0), ["the file holds no rows below its header"]),
    "one class": (
        "loans",
        lambda frame: frame.assign(repaid="yes"),
        ["column repaid holds one class only ('yes' in all 600 distinct rows)", "at least two"],
    ),
    "one class of many": (
        "notes",
        lambda frame: frame.assign(subject="music"),
        ["column subject holds one class only ('music' in all 150 distinct rows)"],
    ),
    "one value": (
        "houses",
        lambda frame: frame.assign(price="7"),
        ["column price holds 7 in all 296 distinct rows", "nothing to learn"],
    ),
    "one value of several targets": (
        "plants",
        lambda frame: frame.assign(leaves="2"),
        ["column leaves holds 2 in all 120 distinct rows"],
    ),
    "too few rows": ("houses", lambda frame: frame.head(9), ["has 9 distinct rows", "at least 10"]),
    "rare class": (
        "loans",
        lambda frame: first(frame, "repaid", "yes", 9),
        ["column repaid has too few distinct rows", "'yes' has 9", "at least 10"],
    ),
    "rare once duplicates are gone": (
        "loans",
        lambda frame: pd.concat([first(frame, "repaid", "yes", 9)] * 3),
        ["too few distinct rows"],
    ),
    "a class of a reserved name": (
        "notes",
        lambda frame: frame.replace({"subject": {"music": "overall"}}),
        ["column subject has a class named 'overall'"],
    ),
    "empty text": (
        "notes",
        put("title", row_3="  "),
        ["column title: 1 value is missing: line 3."],
    ),
    "too long once put together": (
        "notes",
        put("body", row_8="word " * 50),
        [
            "column text (of title + body): 1 value is not a text from 1 to 200 characters: line 8",
        ],
    ),
    "against a pattern": (
        "notes",
        put("title", row_8="# 1"),
        ["column text: String should match pattern '^[^#]*$': line 8."],
    ),
    "line of a row after one that spans lines": (
        "notes",
        lambda frame: put("title", row_4="")(put("body", row_3="one\n\ntwo")(frame)),
        # The record on lines 3 to 5 pushes the next one from line 4 to line 6.
        ["column title: 1 value is missing: line 6."],
    ),
}


def cells(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, na_filter=False)


@pytest.mark.parametrize(("name", "edit", "expected"), CASES.values(), ids=CASES.keys())
def test_bad_rows_are_refused(
    name: str,
    edit: Edit,
    expected: list[str],
    files: dict[str, Path],
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "rows.csv"
    edit(cells(files[name])).to_csv(path, index=False)
    check_refused([name, "--data", str(path)], [str(path), *expected], store, capsys)


def test_a_long_list_of_problems_is_cut(
    files: dict[str, Path], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    notes = cells(files["notes"])
    # A message of its own for each row: the pattern is told of the whole text.
    notes["title"] = "#"
    notes.to_csv(path, index=False)
    message = check_refused(["notes", "--data", str(path)], ["and 145 more."], store, capsys)
    assert len(message.splitlines()) < 25


def test_a_holdout_with_an_unknown_class_is_refused(
    files: dict[str, Path], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holdout = tmp_path / "holdout.csv"
    put("subject", row_4="cooking")(cells(files["notes"]).head(20)).to_csv(holdout, index=False)
    check_refused(
        ["notes", "--data", str(files["notes"]), "--holdout", str(holdout)],
        [
            str(holdout),
            "column subject: 1 value is not one of garden, kitchen, music: line 4 ('cooking')",
        ],
        store,
        capsys,
    )


def test_a_holdout_that_holds_every_row_leaves_none(
    files: dict[str, Path], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(files["notes"])
    expected = ["every row is also in the hold-out"]
    check_refused(["notes", "--data", path, "--holdout", path], expected, store, capsys)


def test_rows_of_a_parquet_file_are_counted_from_one(
    files: dict[str, Path], store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.parquet"
    put("band", row_2="huge")(cells(files["loans"])).to_parquet(path)
    check_refused(["loans", "--data", str(path)], ["row 1 ('huge')"], store, capsys)
