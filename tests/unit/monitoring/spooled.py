"""A spool as servers leave it, of the toy models."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from framework.discovery import find_models
from framework.model import Model
from framework.record.folder import RecordFolder, new_spool_file
from framework.record.frames import EntryTuple, frame
from framework.record.labels import LabelEvent, entry_of
from monitoring.label_store.database import Database
from monitoring.label_store.store import LabelStore
from monitoring.record.converter import Converter
from monitoring.store import Store

PACKAGE = "tests.server.toy_models"
TAG = "gauges:v1"
NOW_NS = time.time_ns()
FIRST_DAY_NS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 10**9
DAY_NS = 86_400 * 10**9


def models() -> dict[str, Model[Any, Any]]:
    """The models, by name."""
    return find_models(PACKAGE)


def prediction_id(number: int) -> str:
    """The id of an entry."""
    return f"gauges-{number:024x}"


def answered(number: int, rows: int = 1, ns: int = NOW_NS, tag: str = TAG) -> EntryTuple:
    """An answered request."""
    body = {"gauges": [{"level": number % 1_000, "count": 1, "flag": True, "grade": "low"}] * rows}
    answer = [{"value": number + row} for row in range(rows)]
    return entry(number, 200, msgspec.json.encode(body), msgspec.json.encode(answer), ns, tag)


def refused(number: int, ns: int = NOW_NS) -> EntryTuple:
    """A refused one."""
    answer = b'{"code":"invalid_input","loc":["gauges",0,"level"],"type":"missing"}'
    return entry(number, 400, b"", answer, ns)


def entry(
    number: int, status: int, body: bytes, answer: bytes, ns: int = NOW_NS, tag: str = TAG
) -> EntryTuple:
    """Any."""
    identity = (prediction_id(number), f"order-{number}", "/gauges/predict", "http", tag)
    return (0, ns + number, *identity, status, "application/json", body, answer)


def labelled(number: int, label: float, row: int = 0) -> EntryTuple:
    """A label."""
    event = LabelEvent(prediction_id(number), row, label, None, "", NOW_NS // 1_000 + number)
    return entry_of(event, f"label-{number}", "/feedback", "http", TAG)


def spool(root: Path, entries: Sequence[EntryTuple], *, closed: bool = True) -> Path:
    """Writes a file of the spool, a frame for every ten entries; its writer has gone."""
    folder = RecordFolder(root)
    folder.create()
    path, descriptor = new_spool_file(folder.spool, time.time_ns())
    for start in range(0, len(entries), 10):
        os.writev(descriptor, frame(entries[start : start + 10])[:2])
    os.close(descriptor)
    return path.rename(path.with_suffix("")) if closed else path


def labels(root: Path) -> LabelStore:
    """The labels of a record."""
    return LabelStore(Database(root), Store(root))


def convert(root: Path) -> str:
    """Converts; returns what is told of it."""
    return str(Converter(RecordFolder(root), models(), labels(root)).run())
