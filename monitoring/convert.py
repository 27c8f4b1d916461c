"""`python -m monitoring convert`: what servers have written becomes Parquet."""

import argparse
import logging
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta

from framework.discovery import find_models
from framework.record.folder import RecordFolder
from monitoring.errors import MonitoringError
from monitoring.label_store.store import LabelStore
from monitoring.options import add_database, add_record, label_store_of, record_of
from monitoring.record.converter import Converter
from monitoring.record.retention import Limits, keep

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser(
        "convert",
        help="make Parquet of what servers have recorded",
        description="Makes Parquet files of what servers have recorded, and deletes what it made "
        "them of. It can be ended at any time, and begun again.",
    )
    add_record(parser)
    add_database(parser)
    parser.add_argument(
        "--watch", metavar="SECONDS", type=float, help="go on, and convert every so many seconds"
    )
    parser.add_argument(
        "--keep-days", metavar="N", type=_whole, help="delete what is older than so many days"
    )
    parser.add_argument(
        "--keep-bytes",
        metavar="SIZE",
        type=_size,
        help="delete the oldest days of what is more than this: 500M, 20G",
    )


def run(options: argparse.Namespace) -> int:
    """Converts once, or until it is told to end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    folder = RecordFolder(record_of(options))
    labels = label_store_of(options)
    converter = Converter(folder, find_models(options.package), labels)
    limits = Limits(options.keep_days, options.keep_bytes)
    if options.watch is None:
        _convert(converter, folder, labels, limits)
        return 0
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    while not ending.is_set():
        try:
            _convert(converter, folder, labels, limits)
        except (OSError, MonitoringError) as error:
            # A disk that is full, or gone, may be back; so may a database.
            print(error, file=sys.stderr, flush=True)
        ending.wait(options.watch)
    return 0


def _convert(
    converter: Converter, folder: RecordFolder, labels: LabelStore, limits: Limits
) -> None:
    try:
        converted = converter.run()
        if converted.files:
            print(converted, flush=True)
    finally:
        # What is too old goes, whatever else fails.
        deleted = keep(folder, limits)
        if deleted:
            print(f"deleted {deleted:,} bytes that were older, or more, than is kept", flush=True)
    if limits.days is not None:
        labels.expire(datetime.now(UTC) - timedelta(days=limits.days + 1))


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _size(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    return _whole(text) if unit is None else _whole(text[:-1]) * unit
