"""Options that several commands have."""

import argparse
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from framework.database import VARIABLE as DATABASE
from monitoring.errors import MonitoringError
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.store import Store

VARIABLE = "MODEL_SERVER_RECORD"


def add_record(parser: argparse.ArgumentParser) -> None:
    """Adds `--record`."""
    parser.add_argument(
        "--record",
        metavar="FOLDER",
        type=Path,
        help=f"folder of the record (default: {VARIABLE})",
    )


def add_database(parser: argparse.ArgumentParser) -> None:
    """Adds `--database`."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help="where labels are: postgresql://USER:PASSWORD@HOST/NAME "
        f"(default: {DATABASE}, or else SQLite in the folder of the record)",
    )


def add_since(parser: argparse.ArgumentParser) -> None:
    """Adds `--since`."""
    parser.add_argument(
        "--since", metavar="TIME", type=time, help="2026-11-28, 2026-11-28T14:30, or 90m, 24h, 7d"
    )


def time(text: str) -> datetime:
    """Reads a time, of this machine's zone if it names none, or how long ago it was."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdecimal() and text[-1] in units:
        return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
    return datetime.fromisoformat(text).astimezone(UTC)


def label_store_of(options: argparse.Namespace) -> LabelStore:
    """Returns the labels of the record.

    Raises:
        MonitoringError: The URL is none, or there is no record.
    """
    folder = record_of(options)
    url = options.database or os.environ.get(DATABASE)
    return LabelStore(Database(folder, url), Store(folder))


def record_of(options: argparse.Namespace) -> Path:
    """Returns the folder of the record.

    Raises:
        MonitoringError: None is named, or there is none.
    """
    named: Path | str | None = options.record or os.environ.get(VARIABLE)
    if not named:
        raise MonitoringError(f"Where is the record? Give --record FOLDER, or set {VARIABLE}.")
    folder = Path(named)
    if not folder.is_dir():
        raise MonitoringError(f"{folder} is no folder; name that of the record (--record).")
    return folder
