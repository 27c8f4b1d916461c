"""The CSV that is read: UTF-8, comma-separated, its first line the names of the columns."""

import csv
import io
import warnings
from typing import TYPE_CHECKING

import pandas as pd

from training.errors import TrainingError

if TYPE_CHECKING:
    import _csv

OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def parse(content: bytes, source: str) -> pd.DataFrame:
    """Returns the cells of a CSV file, all of them strings.

    Raises:
        TrainingError: It is no such table; the message says what it is instead.
    """
    _require_header(content, source)
    try:
        with warnings.catch_warnings():
            # pandas only warns when it drops the surplus cells of a row.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.BytesIO(content),
                # Strings, all of them: a project may be titled "NA", and a number that does not
                # parse must be shown as it stands in the file.
                dtype=str,
                na_filter=False,
                index_col=False,
                encoding="utf-8-sig",
            )
    except pd.errors.EmptyDataError as error:
        raise TrainingError(f"{source}: the file is empty.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise TrainingError(f"{source}: not a CSV table: {str(error).strip()}.") from error


def record_lines(content: bytes) -> list[int]:
    """Returns the line on which each record after the header starts; blank lines are none."""
    reader = _records(content)
    lines, previous = [], 0
    for record in reader:
        if len(record) > 1 or any(cell.strip() for cell in record):
            lines.append(previous + 1)
        previous = reader.line_num
    return lines[1:]


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number, and so is no name of a column."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _require_header(content: bytes, source: str) -> None:
    try:
        header: list[str] = next(_records(content), [])
    except UnicodeDecodeError as error:
        raise TrainingError(f"{source}: not UTF-8 text at byte {error.start}.") from error
    if len(header) == 1:
        for delimiter, name in OTHER_DELIMITERS.items():
            if delimiter in header[0]:
                raise TrainingError(
                    f"{source}: the cells are separated by {name}; save the table with commas "
                    "(and points in decimal numbers), or as Parquet."
                )
    # A number is no name: what repeats one is a file without a header, of which `validation` tells.
    names = [cell for cell in header if not is_number(cell)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise TrainingError(f"{source}: column {repeated[0]!r} occurs more than once.")


def _records(content: bytes) -> "_csv.Reader":
    csv.field_size_limit(max(len(content), 1 << 17))
    text = content.decode("utf-8-sig")
    return csv.reader(io.StringIO(text, newline=""))
