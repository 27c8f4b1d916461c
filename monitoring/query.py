"""`python -m monitoring query`: which model answered, when, and with what?"""

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from framework.discovery import find_models
from framework.record.folder import RecordFolder
from framework.record.frames import Entry
from framework.record.ids import model_of
from monitoring.errors import MonitoringError
from monitoring.options import add_record, add_since, record_of, time
from monitoring.record.unconverted import Unconverted
from monitoring.store import Store

_NS = 10**9
_SHOWN = 100
_FORMATS = ("table", "jsonl", "csv", "parquet")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser(
        "query",
        help="which model answered, when, and with what",
        description="Shows the answered rows of the record, or the refused requests, and exports "
        "them: what is converted, and what is not yet.",
    )
    add_record(parser)
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--version", metavar="VERSION", help="of the model's tag")
    add_since(parser)
    parser.add_argument("--until", metavar="TIME", type=time)
    parser.add_argument("--request-id", metavar="ID")
    parser.add_argument("--prediction-id", metavar="ID")
    parser.add_argument("--failed", action="store_true", help="the refused requests instead")
    parser.add_argument("--newest", metavar="N", type=int, help="no more than so many rows")
    parser.add_argument("--format", choices=_FORMATS, default="table")
    parser.add_argument("--output", metavar="FILE", type=Path, help="instead of the terminal")


def run(options: argparse.Namespace) -> int:
    """Shows what is asked for; 1 if there is nothing."""
    if options.format == "parquet" and options.output is None:
        raise MonitoringError("Parquet is for files: name one (--output).")
    table = _joined(list(_tables(options)))
    if options.newest is not None:
        table = table.slice(max(0, len(table) - options.newest))
    if options.output is None:
        _write(table, options.format, sys.stdout)
    elif options.format == "parquet":
        pq.write_table(table, options.output)
    else:
        with options.output.open("w", encoding="utf-8", newline="") as file:
            _write(table, options.format, file)
    return 0 if len(table) else 1


def _tables(options: argparse.Namespace) -> Iterator[pa.Table]:
    root = record_of(options)
    store = Store(root)
    models = find_models(options.package)
    unconverted = Unconverted(RecordFolder(root), models)
    model = options.model or (model_of(options.prediction_id or ""))
    if options.failed:
        parts = [store.failed(model, options.since, options.until)]
        parts += [
            part if model is None else part.filter(pc.field("model") == model)
            for part in unconverted.failed(_wanted(options))
        ]
        yield from (_chosen(part, options) for part in parts if len(part))
        return
    tags = {(name, version) for name in store.models() for version in store.versions(name)}
    for name, version in sorted(tags | unconverted.tags()):
        if model not in (None, name) or options.version not in (None, version):
            continue
        parts = [store.rows(name, version, options.since, options.until)]
        parts += unconverted.rows(name, version, _wanted(options))
        for part in parts:
            if len(part):
                tag = pa.array([f"{name}:{version}"] * len(part))
                yield _chosen(part.add_column(3, "model", tag), options)


def _wanted(options: argparse.Namespace) -> Any:
    since = options.since.timestamp() * _NS if options.since else 0
    until = options.until.timestamp() * _NS if options.until else float("inf")

    def is_wanted(entry: Entry) -> bool:
        return (
            since <= entry.ns < until
            and options.request_id in (None, entry.request_id)
            and options.prediction_id in (None, entry.prediction_id)
        )

    return is_wanted


def _chosen(table: pa.Table, options: argparse.Namespace) -> pa.Table:
    for name in ("request_id", "prediction_id"):
        if (value := getattr(options, name)) is not None:
            table = table.filter(pc.field(name) == value)
    return table


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Joins tables, the newest row last; what was converted meanwhile is there once."""
    if not parts:
        return pa.table({})
    table = pa.concat_tables(parts, promote_options="permissive")
    keys = [name for name in ("prediction_id", "row") if name in table.column_names]
    table = table.sort_by([(name, "ascending") for name in ("time", *keys)])
    numbered = table.append_column("number", pa.array(range(len(table)), pa.int64()))
    first = numbered.group_by(keys).aggregate([("number", "min")])["number_min"]
    return table.take(first.sort())


def _write(table: pa.Table, form: str, file: Any) -> None:
    rows = table.to_pylist()
    if form == "jsonl":
        file.writelines(f"{json.dumps(_plain(row), ensure_ascii=False)}\n" for row in rows)
    elif form == "csv":
        writer = csv.DictWriter(file, table.column_names)
        writer.writeheader()
        writer.writerows(map(_plain, rows))
    else:
        _show(rows, table.column_names, file)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _show(rows: list[dict[str, Any]], names: list[str], file: Any) -> None:
    """Shows one row as a list of its fields, and several as a table as wide as the terminal."""
    if len(rows) == 1:
        width = max(map(len, names))
        for name, value in _plain(rows[0]).items():
            print(f"{name:<{width}}  {_text(value)}", file=file)
        return
    shown = [[_text(value) for value in _plain(row).values()] for row in rows[-_SHOWN:]]
    widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
    most = shutil.get_terminal_size((160, 24)).columns
    for line in ([*names], *shown) if shown else ():
        text = "  ".join(f"{one:<{width}}" for one, width in zip(line, widths, strict=True))
        print(text[:most].rstrip(), file=file)
    hidden = f", the newest {_SHOWN} of them shown" if len(rows) > _SHOWN else ""
    print(f"{len(rows)} rows{hidden}", file=file)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
