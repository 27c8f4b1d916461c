"""Tables from CSV or Parquet files, read from a path or an http(s) URL."""

import csv
import hashlib
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

import pandas as pd
import requests

from training.errors import TrainingError

if TYPE_CHECKING:
    import _csv

# Seconds to connect, and between two packets.
TIMEOUT = (10.0, 60.0)
PARQUET_MAGIC = b"PAR1"
FORMATS: dict[str, Literal["csv", "parquet"]] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True)
class Table:
    """A table as it was read: CSV cells are still strings, their meaning is not yet judged."""

    source: str
    simulated: bool
    sha256: str
    frame: pd.DataFrame
    unit: Literal["line", "row"]
    content: bytes

    def places(self, positions: Iterable[int]) -> list[int]:
        """Where rows stand in the file, as a person finds them.

        CSV: the line in the file on which the record starts (the header is line 1; a quoted
        value may span lines). Parquet: the row, counted from 1.
        """
        if self.unit == "row":
            return [position + 1 for position in positions]
        lines = _record_lines(self.content)
        return [lines[position] for position in positions]


def load(source: str) -> Table:
    """Reads a table from a path or an http(s) URL.

    Raises:
        TrainingError: It cannot be reached or read, or is neither CSV nor Parquet.
    """
    if source.startswith(("http://", "https://")):
        content = _download(source)
        address = urlsplit(source)
        # User, password and query may be secrets, and the source is stored with the model.
        host = address.netloc.rpartition("@")[2]
        source = urlunsplit((address.scheme, host, address.path, "", ""))
        suffix = PurePosixPath(address.path).suffix.lower()
    elif "://" in source:
        raise TrainingError(f"{source}: unsupported address; give a path or an http(s) URL.")
    else:
        path = Path(source)
        suffix = path.suffix.lower()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise TrainingError(f"{source}: cannot be read: {error.strerror}.") from error
    # An address may end in anything: what has no ending is judged by its first bytes.
    sniffed: Literal["csv", "parquet"] = "parquet" if content.startswith(PARQUET_MAGIC) else "csv"
    file_format = sniffed if not suffix else FORMATS.get(suffix)
    if file_format is None:
        raise TrainingError(
            f"{source}: unsupported format {suffix!r}; allowed: {', '.join(FORMATS)}."
        )
    return from_parquet(content, source) if file_format == "parquet" else from_csv(content, source)


def from_csv(content: bytes, source: str, *, simulated: bool = False) -> Table:
    """Reads a table from the bytes of a CSV file (UTF-8, comma-separated, with a header)."""
    try:
        with warnings.catch_warnings():
            # pandas only warns when it drops the surplus cells of a row.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
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
    except UnicodeDecodeError as error:
        raise TrainingError(f"{source}: not UTF-8 text at byte {error.start}.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise TrainingError(f"{source}: not a CSV table: {str(error).strip()}.") from error
    header: list[str] = next(_records(content), [])
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise TrainingError(f"{source}: column {repeated[0]!r} occurs more than once.")
    return Table(source, simulated, hashlib.sha256(content).hexdigest(), frame, "line", content)


def from_parquet(content: bytes, source: str) -> Table:
    """Reads a table from the bytes of a Parquet file."""
    try:
        frame = pd.read_parquet(io.BytesIO(content))
    # PyArrow raises its own errors, OSError or ValueError, depending on what is broken.
    except Exception as error:
        raise TrainingError(f"{source}: not a readable Parquet file: {error}.") from error
    frame = frame.reset_index(drop=True)
    return Table(source, False, hashlib.sha256(content).hexdigest(), frame, "row", content)


def _download(url: str) -> bytes:
    shown = url.partition("?")[0].rpartition("@")[2]
    try:
        response = requests.get(url, timeout=TIMEOUT)
    except requests.RequestException as error:
        reason = type(error).__name__
        raise TrainingError(f"{shown}: cannot be reached ({reason}).") from error
    if not response.ok:
        raise TrainingError(
            f"{shown}: the server answered {response.status_code} {response.reason}."
        )
    return response.content


def _records(content: bytes) -> "_csv.Reader":
    csv.field_size_limit(max(len(content), 1 << 17))
    text = content.decode("utf-8-sig")
    return csv.reader(io.StringIO(text, newline=""))


def _record_lines(content: bytes) -> list[int]:
    """Line on which each record after the header starts; blank lines are no records."""
    reader = _records(content)
    lines, previous = [], 0
    for record in reader:
        if len(record) > 1 or any(cell.strip() for cell in record):
            lines.append(previous + 1)
        previous = reader.line_num
    return lines[1:]
