"""`python -m monitoring check`: whether a model still does what its card promises."""

import argparse
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from framework.discovery import find_model
from monitoring import options as shared
from monitoring.checking import Labels, check
from monitoring.drift.windows import DEFAULT_SIZES, Sizes
from monitoring.errors import MonitoringError
from monitoring.performance.measures import MARGIN
from monitoring.result import Result
from monitoring.store import Store

LABEL_COLUMNS = ("prediction_id", "row", "label", "time")


def add_parser(subparsers: Any) -> None:
    """Adds the command to a command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="has the world of a model changed, has it become worse?",
        description="Compares the newest records of a version of a model with the rows that it "
        "was measured on, and, where labels are known, its metrics with those of its card.",
        epilog="Ends with 0 if all is well, 1 for an alarm, 2 if something given cannot be used, "
        "and 3 if there are too few records, or no counts of held-out rows, for a verdict.",
    )
    parser.add_argument("--model", metavar="NAME", required=True, help="which model")
    parser.add_argument(
        "--version", metavar="VERSION", help="of its tag (default: the one that answered last)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the result there")
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write a page with plots")
    add_checking(parser)


def add_checking(parser: argparse.ArgumentParser) -> None:
    """Adds what a check looks at, how many rows it judges, and how strictly."""
    shared.add_record(parser)
    shared.add_database(parser)
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help=f"labels of a file, instead: CSV or Parquet, {', '.join(LABEL_COLUMNS)}",
    )
    parser.add_argument(
        "--window",
        metavar="ROWS",
        type=int,
        default=DEFAULT_SIZES.full,
        help="distinct records that are judged together (default %(default)s)",
    )
    parser.add_argument(
        "--least",
        metavar="ROWS",
        type=int,
        default=DEFAULT_SIZES.least,
        help="fewer get no verdict (default %(default)s)",
    )
    parser.add_argument(
        "--patience",
        metavar="HOURS",
        type=float,
        default=DEFAULT_SIZES.patience / timedelta(hours=1),
        help="after which a window that is not full is judged (default %(default)g)",
    )
    parser.add_argument(
        "--margin",
        metavar="SHARE",
        type=float,
        default=MARGIN,
        help="by which a metric may be worse than the card's (default %(default)s)",
    )


def sizes_of(options: argparse.Namespace) -> Sizes:
    """Returns how many rows make a window.

    Raises:
        MonitoringError: They make none.
    """
    if not 1 <= options.least <= options.window:
        raise MonitoringError(
            f"--least {options.least} and --window {options.window}: allowed are 1 ≤ least ≤ "
            "window."
        )
    if not options.patience >= 0 or not 0 <= options.margin < 1:
        raise MonitoringError(
            f"--patience {options.patience:g} must be at least 0 hours, and --margin "
            f"{options.margin:g} from 0 to below 1."
        )
    return Sizes(options.window, options.least, timedelta(hours=options.patience))


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    result = check(
        Store(shared.record_of(options)),
        find_model(options.model, options.package),
        options.version,
        labels=labels_of(options, options.model),
        sizes=sizes_of(options),
        margin=options.margin,
    )
    _show(result)
    if options.json is not None:
        _write(options.json, result.model_dump_json(indent=2) + "\n")
    if options.html is not None:
        # matplotlib, for which other commands need not wait.
        from monitoring.report import render

        _write(options.html, render(result))
    return result.exit_code


def labels_of(options: argparse.Namespace, model: str) -> Labels:
    """Returns what gives the labels of a model: of the file that is named, or of the database.

    Raises:
        MonitoringError: The file cannot be read, or lacks a column; the database's URL is none.
    """
    if options.labels is None:
        return partial(shared.label_store_of(options).labels, model)
    table = _read(options.labels)
    return lambda _: table


def _read(path: Path) -> pa.Table:
    try:
        read: Any = pq.read_table if path.suffix == ".parquet" else pa_csv.read_csv
        table: pa.Table = read(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise MonitoringError(f"{path}: cannot be read: {error}") from error
    lacking = [name for name in LABEL_COLUMNS if name not in table.column_names]
    if lacking:
        raise MonitoringError(
            f"{path}: column {', '.join(lacking)} is missing; there should be "
            f"{', '.join(LABEL_COLUMNS)}."
        )
    return table


def _show(result: Result) -> None:
    print(f"{result.model}:{result.version}  {result.rows:,} rows")
    print(f"  drift        {result.drift.sentence}")
    for one in result.drift.windows[-1].columns if result.drift.windows else ():
        if one.drifted or one.unseen:
            unseen = f", {one.unseen:,} of values not seen before" if one.unseen else ""
            p = f"p = {one.p:.2g}, PSI {one.psi:.3f}, JS {one.jensen_shannon:.3f}"
            print(f"    {'*' if one.drifted else ' '} {one.column:<28} {p}{unseen}")
    refused = result.refused
    codes = ", ".join(f"{code} {count:,}" for code, count in refused.by_code.items())
    print(f"  refused      {refused.requests:,} requests" + (f" ({codes})" if codes else ""))
    if result.performance is None:
        print("  performance  unknown: no labels")
        return
    print(f"  performance  {result.performance.sentence}")
    for measure in result.performance.measures:
        if measure.worse or measure.part == "overall":
            print(f"    {'*' if measure.worse else ' '} {_measure(measure)}")


def _measure(one: Any) -> str:
    interval = f"{one.low:.4g} to {one.high:.4g}" if one.low is not None else "no interval"
    card = f"card {one.card:.4g}" if one.card is not None else "not on the card"
    return f"{one.metric + ' ' + one.part:<28} {one.value:.4g} ({interval}), {card}"


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise MonitoringError(f"{path}: cannot be written: {error.strerror}.") from error
