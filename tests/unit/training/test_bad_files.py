"""Files that are no table, or another one: one sentence, exit code 1, nothing stored."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.training.conftest import check_refused

FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "the file is empty"),
    "unsupported": ("a.xlsx", b"PK", "unsupported format '.xlsx'; allowed: .csv, .parquet"),
    "broken Parquet": ("a.parquet", b"PAR1", "not a readable Parquet file"),
    "broken gzip": ("a.csv.gz", gzip.compress(b"a,b\n" * 99)[:-9], "not a readable gzip file"),
    "not UTF-8": ("a.csv", b"rate\n\xff\n", "not UTF-8 text"),
    "ragged": ("a.csv", b"rate,band\n1,low\n1,low,x\n", "not a CSV table"),
    "ragged throughout": ("a.csv", b"rate\n1,low\n1,low\n", "not a CSV table"),
    "repeated column": ("a.csv", b"rate,rate\n1,0\n", "column 'rate' occurs more than once"),
    "semicolons": (
        "a.csv",
        b"rate;band\n0,1;low\n",
        "the cells are separated by semicolons; save the table with commas",
    ),
    "tabs": ("a.csv", b"rate\tband\n1\tlow\n", "the cells are separated by tabs; save the table"),
    "no header": (
        "a.csv",
        b"9,7.5,0.1,True,low,1,yes\n8,7.5,0.1,True,low,1,yes\n",
        "its first line should hold the names of the columns (amount, income, rate, owner, band, "
        "grade, repaid), but reads: 9, 7.5, 0.1, True, low, 1, yes; write these names on top.",
    ),
    "no header, with numbers that repeat": (
        "a.csv",
        b"1,1,0.1,1,low,1,yes\n1,1,0.1,1,low,1,yes\n",
        "its first line should hold the names of the columns",
    ),
    "another table": ("a.csv", b"x,y\n1,2\n", "(amount, income, rate, owner, band"),
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
    path = tmp_path / name
    path.write_bytes(content)
    message = check_refused(["loans", "--data", str(path)], [name, expected], store, capsys)
    # One sentence, and what it came to.
    assert len(message.splitlines()) == 2


def test_the_header_of_another_table_in_parquet_is_told(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"x": np.arange(3)}).to_parquet(path)
    check_refused(
        ["loans", "--data", str(path)], ["its schema should hold the names"], store, capsys
    )
