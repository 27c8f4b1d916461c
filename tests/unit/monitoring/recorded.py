"""A record as the converter writes it, made of records and a model's own answers to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from framework.bundle import Bundle
from framework.records import Records

START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def write(
    folder: Path,
    bundle: Bundle[Any, Any],
    records: Records[Any],
    *,
    start: datetime = START,
    step: timedelta = timedelta(seconds=1),
    name: str = "host-1-1",
    rows_each: int = 1,
    drop: Sequence[str] = (),
) -> list[str]:
    """Writes rows that were answered one request after the other; returns their prediction ids.

    Args:
        folder: Folder of the record.
        bundle: What answers.
        records: What is asked.
        start: Time of the first request.
        step: Time between two requests.
        name: Name of the spool file.
        rows_each: Rows of a request.
        drop: Columns to leave out.
    """
    begin = f"{name.encode().hex()[-16:]:0>16}"
    asked = [record.model_dump(mode="json") for record in records]
    answered = [answer.model_dump(mode="json") for answer in bundle.predict(records)]
    lines = []
    for at, (record, answer) in enumerate(zip(asked, answered, strict=True)):
        request, row = divmod(at, rows_each)
        lines.append(
            {
                "prediction_id": f"{bundle.model.name}-{begin}{request:08d}",
                "row": row,
                "time": start + request * step,
                "protocol": "http",
                "route": f"/{bundle.model.name}/predict",
                "request_id": f"request-{request}",
                "status": 200,
                **{f"input.{field}": value for field, value in record.items()},
                **flat(answer),
            }
        )
    write_lines(folder, bundle.model.name, bundle.version, lines, name, drop)
    return [line["prediction_id"] for line in lines]


def write_lines(
    folder: Path,
    model: str,
    version: str,
    lines: Sequence[Mapping[str, Any]],
    name: str = "host-1-1",
    drop: Sequence[str] = (),
) -> None:
    """Writes rows, a file for each day."""
    days: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        days.setdefault(line["time"].strftime("%Y-%m-%d"), []).append(line)
    for number, (day, some) in enumerate(days.items()):
        place = folder / "parquet" / f"model={model}" / f"version={version}" / f"day={day}"
        place.mkdir(parents=True, exist_ok=True)
        pq.write_table(_table(some).drop_columns(list(drop)), place / f"{name}-{number}.parquet")


def write_failed(folder: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes requests that failed."""
    place = folder / "parquet" / "failed" / f"day={lines[0]['time']:%Y-%m-%d}"
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(_table(lines), place / "host-1-1-0.parquet")


def flat(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an answer: mappings of labels take one for each."""
    columns: dict[str, Any] = {}
    for field, value in answer.items():
        if isinstance(value, dict):
            columns |= {f"output.{field}.{label}": one for label, one in value.items()}
        else:
            columns[f"output.{field}"] = value
    return columns


def _table(lines: Sequence[Mapping[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist([dict(line) for line in lines])
    casts = {"time": pa.timestamp("us", "UTC"), "row": pa.int32(), "status": pa.int16()}
    for name, kind in casts.items():
        if name in table.column_names:
            at = table.column_names.index(name)
            table = table.set_column(at, name, table[name].cast(kind))
    return table
