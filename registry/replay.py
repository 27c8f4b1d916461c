"""`python -m registry replay`: has a version answer what was recorded, beside what was answered."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from framework import Bundle, Model, ModelRefusedError
from framework.files import alone
from framework.record.folder import RecordFolder
from framework.record.shadow import ShadowAnswers
from framework.records import Records
from monitoring.observed import complete, not_kept, positions_of, records_of
from monitoring.options import record_of
from monitoring.record.converter import write_table
from monitoring.record.tables import Rendering
from monitoring.store import Store
from registry.commands import Answer, Registry
from registry.errors import RegistryError
from registry.versions import find_version, require_known

BATCH_ROWS = 256
"""Rows that are computed at once, and of which each is said to have taken the same time."""


def replay(registry: Registry, options: argparse.Namespace) -> Answer:
    """Has a version answer recorded requests; keeps its answers beside those that were given."""
    stored = find_version(options.tag)
    model = registry.model(stored.tag.name)
    require_known(stored, registry.history.events(model.name))
    folder = RecordFolder(record_of(options))
    replaying = _Replay(folder, Bundle.load(model, stored))
    sources = replaying.sources(options.since)
    if not sources:
        raise RegistryError(
            f"The record {folder.root} has no converted answers of other versions of {model.name}"
            f"{' since then' if options.since else ''}; convert it first: "
            f"`python -m monitoring convert --record {folder.root}`."
        )
    _require_whole(model, sources)
    rows = sum(map(replaying.run, sources))
    tag, files = str(stored.tag), len(sources)
    columns = ("version", "files of the record", "rows answered now")
    return Answer(
        {"tag": tag, "files": files, "rows": rows}, columns, [(tag, str(files), str(rows))]
    )


@dataclass(frozen=True)
class _Source:
    """A file of answered rows, and what is kept of the other version's answers to them.

    Attributes:
        path: The file.
        version: Which version answered.
        kept: Where the shadow answers are, or will be, as a whole.
    """

    path: Path
    version: str
    kept: Path


class _Replay:
    def __init__(self, folder: RecordFolder, bundle: Bundle[Any, Any]) -> None:
        self._folder = folder
        self._bundle = bundle
        self._rendering = Rendering(bundle.model)
        self._others: dict[str, Bundle[Any, Any] | None] = {}

    def sources(self, since: datetime | None) -> list[_Source]:
        """Returns the files of what other versions answered."""
        name, version = self._bundle.model.name, self._bundle.version
        found = []
        for path in Store(self._folder.root).files(name, since):
            day = path.parent
            answered_by = day.parent.name.partition("=")[2]
            place = self._folder.shadow / f"model={name}" / f"version={version}" / day.name
            kept = place / f"replay-{answered_by}-{path.name}"
            if answered_by != version:
                found.append(_Source(path, answered_by, kept))
        return found

    def run(self, source: _Source) -> int:
        """Keeps answers to the rows of a file, unless they are kept; returns how many are new."""
        # Nobody may delete a prediction between reading and writing; who converts waits for one
        # file only.
        with alone(self._folder.parquet):
            # Retention may have deleted it since it was listed.
            if source.kept.exists() or not source.path.exists():
                return 0
            return self._answer(source)

    def _answer(self, source: _Source) -> int:
        table = complete(self._bundle.model, pq.ParquetFile(source.path).read())
        other = self._other(source.version)
        said = [
            _answered(self._bundle, other, source.version, records_of(self._bundle.model, part))
            for part in _parts(table)
        ]
        places = [(one.prediction_id, one.row, one.time) for one in positions_of(table)]
        write_table(source.kept, self._rendering.shadow_table(places, said))
        return len(table)

    def _other(self, version: str) -> Bundle[Any, Any] | None:
        """Returns the version that answered, if it can still be asked how long it takes."""
        if version not in self._others:
            model = self._bundle.model
            try:
                stored = find_version(f"{model.name}:{version}")
                self._others[version] = Bundle.load(model, stored)
            except (RegistryError, ModelRefusedError):
                self._others[version] = None
        return self._others[version]


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    for begin in range(0, len(table), BATCH_ROWS):
        yield table.slice(begin, BATCH_ROWS)


def _answered(
    bundle: Bundle[Any, Any],
    other: Bundle[Any, Any] | None,
    answered_by: str,
    records: Records[Any],
) -> ShadowAnswers:
    _, other_seconds = _timed(other, records) if other else (None, None)
    answers, seconds = _timed(bundle, records)
    return ShadowAnswers(answers.dicts(), seconds, answered_by, other_seconds)


def _timed(bundle: Bundle[Any, Any], records: Records[Any]) -> tuple[Any, float]:
    """Returns the answers, and how long one took, in seconds."""
    start = time.perf_counter()
    answers = bundle.predict(records)
    return answers, (time.perf_counter() - start) / len(records)


def _require_whole(model: Model[Any, Any], sources: list[_Source]) -> None:
    """Makes sure that what was asked is in the record as it was.

    Raises:
        RegistryError: It is not; the message names the fields.
    """
    for source in sources:
        lacking = sorted(not_kept(model, pq.read_schema(source.path).names))
        if lacking:
            raise RegistryError(
                f"{source.path} lacks {', '.join(lacking)} of the records of {model.name}: hashed, "
                "left out (`Recorded`), or not asked for then. What was answered without them "
                "cannot be answered again; --since leaves out older files, and live shadow "
                "traffic needs no record."
            )
