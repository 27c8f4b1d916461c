"""Tables from CSV or Parquet files, by path or http(s) URL, and from a model's own source."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pandas as pd
import requests

from framework.card import DataKind
from framework.fitting import Source
from framework.model import Model
from training import csv_format
from training.errors import TrainingError

# Seconds to connect, and between two packets.
TIMEOUT = (10.0, 60.0)
PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"
FORMATS: dict[str, Literal["csv", "parquet"]] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class Origin(Protocol):
    """Where rows came from: a name for people, and a hash of them."""

    @property
    def source(self) -> str:
        """Path, URL or name."""

    @property
    def sha256(self) -> str:
        """Hash."""


@dataclass(frozen=True)
class Table:
    """A table as it was read: CSV cells are still strings, their meaning is not yet judged.

    Attributes:
        source: Path, URL or name of where it came from, for people.
        kind: Generated, read from a file, or shipped with a library.
        sha256: Hash of the file as it lies there.
        frame: The cells.
        unit: What its rows are counted by.
        content: The file, uncompressed.
    """

    source: str
    kind: DataKind
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
        lines = csv_format.record_lines(self.content)
        return [lines[position] for position in positions]


def load(source: str) -> Table:
    """Reads a table from a path or an http(s) URL; gzip is recognised by its first bytes.

    Raises:
        TrainingError: It cannot be reached or read, or is neither CSV nor Parquet.
    """
    if source.startswith(("http://", "https://")):
        stored = _download(source)
        address = urlsplit(source)
        # User, password and query may be secrets, and the source is stored with the model.
        host = address.netloc.rpartition("@")[2]
        source = urlunsplit((address.scheme, host, address.path, "", ""))
        path = PurePosixPath(address.path)
    elif "://" in source:
        raise TrainingError(f"{source}: unsupported address; give a path or an http(s) URL.")
    else:
        path = PurePosixPath(source)
        try:
            stored = Path(source).read_bytes()
        except OSError as error:
            raise TrainingError(f"{source}: cannot be read: {error.strerror}.") from error
    content = _uncompressed(stored, source)
    if path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    frame, unit = _parsed(content, path.suffix.lower(), source)
    return Table(source, "file", hashlib.sha256(stored).hexdigest(), frame, unit, content)


def of_source(source: Source) -> Table:
    """Makes a table of the rows that a model brings along."""
    # By way of CSV: its bytes are what the hash speaks of, and it is read as a file would be.
    columns = {name: list(values) for name, values in source.load().items()}
    frame = _flat(pd.DataFrame(columns))
    content = frame.to_csv(index=False, lineterminator="\n").encode()
    frame = csv_format.parse(content, source.name)
    digest = hashlib.sha256(content).hexdigest()
    return Table(source.name, source.kind, digest, frame, "line", content)


def table_of(model: Model[Any, Any], data: str | None) -> Table:
    """Returns the table that a model is to be trained on: a file, or what it brings along.

    Raises:
        TrainingError: There is neither, or the file cannot be read.
    """
    if data is not None:
        return load(data)
    if model.data is None:
        raise TrainingError(f"{model.name} brings no data along; {_how_to_give_data(model)}.")
    return of_source(model.data)


def require_data(models: list[Model[Any, Any]]) -> None:
    """Makes sure that models can be trained without a file.

    Raises:
        TrainingError: Some bring no data along; the message names them and says what to give.
    """
    lacking = [model for model in models if model.data is None]
    if lacking:
        names = ", ".join(model.name for model in lacking)
        bring = "brings" if len(lacking) == 1 else "bring"
        raise TrainingError(f"{names} {bring} no data along; {_how_to_give_data(lacking[0])}.")


def _how_to_give_data(model: Model[Any, Any]) -> str:
    return f"give a file: `python -m training {model.name} --data FILE`"


def _parsed(
    content: bytes, suffix: str, source: str
) -> tuple[pd.DataFrame, Literal["line", "row"]]:
    # An address may end in anything: what has no ending is judged by its first bytes.
    sniffed: Literal["csv", "parquet"] = "parquet" if content.startswith(PARQUET_MAGIC) else "csv"
    file_format = sniffed if not suffix else FORMATS.get(suffix)
    if file_format is None:
        raise TrainingError(
            f"{source}: unsupported format {suffix!r}; allowed: {', '.join(FORMATS)}, each also "
            "with .gz behind it."
        )
    if file_format == "csv":
        return csv_format.parse(content, source), "line"
    try:
        return _flat(pd.read_parquet(io.BytesIO(content)).reset_index(drop=True)), "row"
    # PyArrow raises its own errors, OSError or ValueError, depending on what is broken.
    except Exception as error:
        raise TrainingError(f"{source}: not a readable Parquet file: {error}.") from error


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives the values of lists columns of their own, `<name>_0`, `<name>_1` and so on."""
    columns: dict[Any, Any] = {}
    for name, cells in frame.items():
        is_list = [isinstance(cell, list | tuple | np.ndarray) for cell in cells]
        if not any(is_list):
            columns[name] = cells
            continue
        lists = cells[is_list]
        values = pd.DataFrame(lists.map(list).tolist(), index=lists.index).reindex(frame.index)
        columns |= {f"{name}_{at}": values[at] for at in values}
    return pd.DataFrame(columns)


def _uncompressed(content: bytes, source: str) -> bytes:
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TrainingError(f"{source}: not a readable gzip file: {error}.") from error


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
