"""Labels from files: CSV, JSON Lines or Parquet, judged as the server judges them."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from framework.labels import LabelKind
from framework.record.ids import model_of
from framework.record.labels import Label, LabelEvent, UnfitLabelError, event_of
from monitoring.errors import MonitoringError

COLUMNS = ("prediction_id", "row", "label", "time", "source")
NEEDED = COLUMNS[:3]
_MOST_PROBLEMS = 20
_ROW_DIGITS = 10
_ENCODING = "utf-8-sig"  # As spreadsheets write CSV.

Line = tuple[int, Mapping[str, Any]]
KindOf = Callable[[str], LabelKind | None]


class _WrongError(Exception):
    """A line that is no label; the message says which field, and what is allowed."""


def read_events(path: Path, kind_of: KindOf) -> Iterator[LabelEvent]:
    """Reads a file of labels.

    Args:
        path: The file; its ending tells its form.
        kind_of: Returns which labels a model takes, by its name; None if there is none.

    Raises:
        MonitoringError: It cannot be read; or some lines are no labels, which is raised at the
            end, and names them.
    """
    received = datetime.now(UTC)
    problems: list[str] = []
    wrong = 0
    for number, cells in _lines(path):
        try:
            yield _event(cells, kind_of, received)
        except _WrongError as error:
            wrong += 1
            if wrong <= _MOST_PROBLEMS:
                problems.append(f"{path}:{number}: {error}")
    if wrong > _MOST_PROBLEMS:
        problems.append(f"… and {wrong - _MOST_PROBLEMS:,} more")
    if problems:
        raise MonitoringError("\n".join([*problems, "No label was taken."]))


def _lines(path: Path) -> Iterator[Line]:
    readers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise MonitoringError(f"{path}: the name should end in {', '.join(readers)}.")
    try:
        yield from read(path)
    except (OSError, UnicodeError, csv.Error, pa.ArrowException) as error:
        raise MonitoringError(f"{path}: cannot be read: {error}") from error


def _csv(path: Path) -> Iterator[Line]:
    with path.open(encoding=_ENCODING, newline="") as file:
        reader = csv.DictReader(file, restkey="", strict=True)
        _require_columns(path, list(reader.fieldnames or ()))
        for cells in reader:
            given: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
            row = given.get("row", "")
            if row.isdecimal() and len(row) <= _ROW_DIGITS:
                given["row"] = int(row)
            yield reader.line_num, given


def _jsonl(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except (ValueError, RecursionError):
                content = None
            yield number, content if isinstance(content, dict) else {"": line}


def _parquet(path: Path) -> Iterator[Line]:
    file = pq.ParquetFile(path)
    _require_columns(path, file.schema_arrow.names)
    number = 0
    for batch in file.iter_batches(batch_size=10_000):
        for cells in batch.to_pylist():
            number += 1
            yield number, {name: cell for name, cell in cells.items() if cell is not None}


def _require_columns(path: Path, names: list[str]) -> None:
    lacking = [name for name in NEEDED if name not in names]
    if lacking or set(names) - set(COLUMNS):
        raise MonitoringError(
            f"{path}: its columns are {', '.join(names) or 'none'}; there should be "
            f"{', '.join(NEEDED)}, and there may be {' and '.join(COLUMNS[3:])}."
        )


def _event(cells: Mapping[str, Any], kind_of: KindOf, received: datetime) -> LabelEvent:
    if "" in cells:
        raise _WrongError("it should be " + ", ".join(COLUMNS))
    kind = kind_of(model_of(str(cells.get("prediction_id"))) or "")
    if kind is not None and (value := kind.read_cell(cells.get("label"))) is not None:
        cells = {**cells, "label": value}
    try:
        return event_of(Label.model_validate(cells), kind_of, received)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _WrongError(f"{place}: {first['msg']}") from None
    except UnfitLabelError as error:
        raise _WrongError(f"{error.field}: {error}") from None
