"""Tables from CSV and Parquet files, as columns of plain values."""

import csv
import gzip
import io
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from framework.scaffold.errors import ScaffoldError
from framework.scaffold.naming import nearest

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
ENDINGS = ("", ".csv", ".parquet", ".pq")
MIN_ROWS = 20
"""With fewer rows there is nothing to learn from, let alone to measure on."""

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name in the file.
        values: Its values, row by row; `None` where there is none. Those of a CSV file are texts.
    """

    name: str
    values: Sequence[Any]

    @cached_property
    def present(self) -> list[Any]:
        """The values that are there."""
        return [value for value in self.values if value is not None]

    @cached_property
    def distinct(self) -> list[Any]:
        """The different values, in their order of first appearance."""
        return list(dict.fromkeys(self.present))


@dataclass(frozen=True)
class Table:
    """A table: its columns by name, and what its file is called."""

    source: str
    columns: dict[str, Column]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a CSV or Parquet file, gzipped or not: what training reads, and no other.

        Raises:
            ScaffoldError: It cannot be read, or holds too few rows to learn from.
        """
        source = str(path)
        ending = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
        if ending.lower() not in ENDINGS:
            raise ScaffoldError(
                f"{source} ends in {ending}; save the table as .csv or .parquet (each may have .gz "
                "behind it)."
            )
        try:
            content = path.read_bytes()
            if content.startswith(_GZIP):
                content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise ScaffoldError(f"{source} cannot be read: {reason}.") from error
        if not content.strip():
            raise ScaffoldError(f"{source} is empty: it should hold a table with column names.")
        frame = (
            _parquet(content, source)
            if content.startswith(_PARQUET)
            else _csv(content.removeprefix(b"\xef\xbb\xbf"), source)
        )
        if len(frame) < MIN_ROWS:
            raise ScaffoldError(
                f"{source} has {len(frame)} rows; at least {MIN_ROWS} are needed to learn from "
                "some and measure on others."
            )
        return cls(source, {str(name): _column(str(name), frame[name]) for name in frame})

    def column(self, name: str) -> Column:
        """Returns a column.

        Raises:
            ScaffoldError: There is none of this name; the message gives the nearest.
        """
        if name not in self.columns:
            raise ScaffoldError(
                f"{self.source} has no column {name!r}{nearest(name, self.columns)}; it has "
                f"{', '.join(self.columns)}."
            )
        return self.columns[name]


def _csv(content: bytes, source: str) -> pd.DataFrame:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(
            f"{source} is neither Parquet nor a text in UTF-8 (byte {error.start}): save it as a "
            "CSV file in UTF-8."
        ) from error
    header = next(csv.reader(io.StringIO(text.lstrip())))
    if len(header) == 1:
        for delimiter, name in DELIMITERS.items():
            if delimiter in header[0]:
                raise ScaffoldError(
                    f"{source} has its cells separated by {name}: save the table with commas (and "
                    "points in decimal numbers), or as Parquet."
                )
    _require_header([name.strip() for name in header], source)
    try:
        with warnings.catch_warnings():
            # pandas only warns when it drops the surplus cells of a row.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Texts, all of them: what a value means is judged below, the way training reads it.
            return pd.read_csv(io.StringIO(text), dtype=str, na_filter=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ScaffoldError(f"{source} is not a CSV table: {str(error).strip()}.") from error


def _parquet(content: bytes, source: str) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)
    # PyArrow raises its own errors, OSError or ValueError, depending on what is broken.
    except Exception as error:
        raise ScaffoldError(f"{source} is not a readable Parquet file: {error}.") from error
    _require_header([str(name) for name in frame.columns], source)
    return frame


def _require_header(names: list[str], source: str) -> None:
    if 2 * sum(map(_is_number, names)) >= len(names):
        raise ScaffoldError(
            f"{source} begins with numbers, not names: put a line with the names of the columns "
            "on top."
        )
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ScaffoldError(
            f"{source} has two columns {repeated[0]!r}: rename or delete one of them."
        )


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _column(name: str, cells: "pd.Series[Any]") -> Column:
    gone = cells.isna().tolist()
    values = [
        None if missing or (isinstance(value, str) and not value.strip()) else value
        for value, missing in zip(cells.tolist(), gone, strict=True)
    ]
    return Column(name, values)
