"""Reading the table."""

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from framework.scaffold.errors import ScaffoldError
from framework.scaffold.table import Table

LINES = "size,colour\n" + "1.5,red\n,blue\n" * 15


def test_cells_of_a_csv_file_are_texts_and_empty_ones_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbf" + LINES.encode())

    table = Table.read(path)

    assert table.column("size").values[:2] == ["1.5", None]
    assert table.column("colour").distinct == ["red", "blue"]


def test_gzip_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(LINES.encode()))

    assert list(Table.read(path).columns) == ["size", "colour"]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"size": [1.5, None] * 10, "wild": [True, False] * 10}).to_parquet(path)

    table = Table.read(path)

    assert table.column("size").values[:2] == [1.5, None]
    assert table.column("wild").values[:2] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("table.csv", b"", "is empty"),
        ("table.csv", LINES[:30].encode(), "at least 20 are needed"),
        ("table.csv", LINES.replace(",", ";").encode(), "separated by semicolons: save the table"),
        ("table.csv", LINES.replace(",", "\t").encode(), "separated by tabs"),
        ("table.csv", b"1.5,2,red\n" * 30, "begins with numbers, not names"),
        ("table.csv", LINES.replace("colour", "size").encode(), "has two columns 'size'"),
        ("table.csv", LINES.encode() + b"1,2,3\n", "is not a CSV table"),
        ("table.csv", LINES.encode() + b"\xff,\xfe\n", "in UTF-8"),
        ("table.csv", b"PAR1" + bytes(20), "not a readable Parquet file"),
        ("table.csv", gzip.compress(LINES.encode(), mtime=0)[:20], "cannot be read"),
        ("table.xlsx", LINES.encode(), "ends in .xlsx; save the table as"),
    ],
)
def test_what_is_no_table_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ScaffoldError) as refused:
        Table.read(path)

    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="cannot be read: No such file"):
        Table.read(tmp_path / "table.csv")


def test_a_column_that_is_not_there_has_a_nearest(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(io.BytesIO(LINES.encode()).getvalue())

    with pytest.raises(ScaffoldError) as refused:
        Table.read(path).column("Color")

    assert "no column 'Color' (did you mean 'colour'?); it has size, colour." in str(refused.value)
