"""From the spool to Parquet: nothing twice, nothing lost, wherever it is interrupted."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from framework.files import TEMPORARY, alone, sync_folder, write_whole
from framework.model import Model
from framework.record.folder import RecordFolder, SpoolFile, held
from framework.record.frames import LABEL, PREDICTION, SHADOW, Entry, Frames, frame
from framework.record.labels import LabelEvent, label_of
from framework.record.shadow import ShadowAnswers, shadow_of
from monitoring.errors import MonitoringError
from monitoring.label_store.store import LabelStore
from monitoring.record.decoding import Rows, UnreadableError
from monitoring.record.deleted import Deleted
from monitoring.record.retention import UNREAD
from monitoring.record.tables import Rendering, failures

PART_ROWS = 20_000
"""Rows of a Parquet file; those of one request are not divided."""

OK = 200
logger = logging.getLogger("monitoring")


@dataclass
class Converted:
    """What a pass has done.

    Attributes:
        files: Files of the spool that were converted.
        rows: Rows that were written.
        failed: Refused requests that were written.
        labels: Labels that were put into the database.
        shadow: Shadow answers that were written.
        unread: Entries that could not be read; they are kept as they are.
        torn_bytes: Bytes that had been written in part when their writer was killed.
    """

    files: int = 0
    rows: int = 0
    failed: int = 0
    labels: int = 0
    shadow: int = 0
    unread: int = 0
    torn_bytes: int = 0

    def __str__(self) -> str:
        told = f"{self.files} files: {self.rows} rows, {self.failed} refused requests"
        if self.labels:
            told += f", {self.labels} labels"
        if self.shadow:
            told += f", {self.shadow} shadow answers"
        if self.unread:
            told += f", {self.unread} entries that could not be read"
        return told + (f", {self.torn_bytes} torn bytes" if self.torn_bytes else "")


class Converter:
    """Converts what servers have recorded.

    A file of the spool becomes Parquet files that are named after it, and is deleted when all of
    them are there: whoever begins again, after an interruption, writes the same files once more.

    Args:
        folder: The record's folder.
        models: The models, by name.
        labels: Where labels go.
    """

    def __init__(
        self, folder: RecordFolder, models: Mapping[str, Model[Any, Any]], labels: LabelStore
    ) -> None:
        self._folder = folder
        self._labels = labels
        self._renderings = {name: Rendering(model) for name, model in models.items()}
        self._deleted = Deleted(folder.root)

    def run(self) -> Converted:
        """Converts all files that no server is writing.

        Raises:
            MonitoringError: The database of the labels cannot be used; what holds labels stays.
        """
        done = Converted()
        problem: MonitoringError | None = None
        with alone(self._folder.parquet):
            self._deleted.refresh()
            for kept in (self._folder.parquet, self._folder.shadow):
                for left in kept.rglob(f"*{TEMPORARY}"):
                    left.unlink()
            for file in self._folder.spool_files():
                with held(file.path) as is_mine:
                    try:
                        if is_mine:
                            self._convert(file, done)
                    except MonitoringError as error:
                        problem = error
            self._deleted.forget(self._folder.spool_files())
        if problem is not None:
            raise problem
        if done.files:
            self._labels.settle()
        return done

    def _convert(self, file: SpoolFile, done: Converted) -> None:
        parts = _Parts(self._folder.root, file.stem, self._renderings)
        frames = Frames(file.path)
        for entries in frames:
            for entry in entries:
                if entry.prediction_id not in self._deleted:
                    parts.add(entry)
        parts.finish()
        if parts.labels:
            done.labels += self._labels.add(parts.labels)
        file.path.unlink(missing_ok=True)
        sync_folder(self._folder.spool)
        done.files += 1
        done.rows += parts.rows
        done.failed += parts.failed
        done.shadow += parts.shadow
        done.unread += parts.unread
        done.torn_bytes += frames.torn_bytes


Key = tuple[str, str, str]
"""Model, version, and folder of the day."""


ReadT = TypeVar("ReadT")


@dataclass
class _Pending(Generic[ReadT]):
    """What the next file of a model, a version and a day will hold."""

    read: list[ReadT] = field(default_factory=list)
    rows: int = 0


class _Parts:
    """The Parquet files that become of one file of the spool."""

    def __init__(self, root: Path, stem: str, renderings: Mapping[str, Rendering]) -> None:
        self._folder = RecordFolder(root)
        self._stem = stem
        self._renderings = renderings
        self._pending: dict[Key, _Pending[tuple[Entry, Rows, Rows]]] = {}
        self._shadow: dict[Key, _Pending[tuple[Entry, ShadowAnswers]]] = {}
        self._failed: dict[str, list[Entry]] = {}
        self._unread: list[Entry] = []
        self.labels: list[LabelEvent] = []
        self._numbers: dict[Path, int] = {}
        self.rows = self.failed = self.shadow = self.unread = 0

    def add(self, entry: Entry) -> None:
        """Takes an entry; writes a file when there is enough for one."""
        day = f"day={datetime.fromtimestamp(entry.ns / 1e9, UTC):%Y-%m-%d}"
        if entry.kind == PREDICTION and entry.status != OK:
            self._failed.setdefault(day, []).append(entry)
            self.failed += 1
            return
        model, _, version = entry.model_tag.partition(":")
        try:
            if entry.kind == LABEL:
                self.labels.append(_label(entry))
                return
            if entry.kind not in (PREDICTION, SHADOW) or model not in self._renderings:
                raise UnreadableError(f"there is no model {model!r}")
            if entry.kind == SHADOW:
                self._add_shadow((model, version, day), entry)
                return
            rows, answers = self._renderings[model].read(entry)
            if len(rows) != len(answers):
                raise UnreadableError(f"{len(rows)} rows have {len(answers)} answers")
        except UnreadableError as error:
            if not self._unread:
                logger.warning("%s holds what cannot be read: %s", self._stem, error)
            self._unread.append(entry)
            self.unread += 1
            return
        pending = self._pending.setdefault((model, version, day), _Pending())
        pending.read.append((entry, rows, answers))
        pending.rows += len(rows)
        self.rows += len(rows)
        if pending.rows >= PART_ROWS:
            self._write_rows((model, version, day))

    def finish(self) -> None:
        """Writes what is left."""
        for key in list(self._pending):
            self._write_rows(key)
        for key in list(self._shadow):
            self._write_shadow(key)
        for day, entries in self._failed.items():
            self._write(self._folder.parquet / "failed" / day, failures(entries))
        if self._unread:
            content = frame([as_tuple(entry) for entry in self._unread])
            path = self._folder.root / UNREAD / f"{self._stem}.log"
            write_whole(path, lambda file: file.writelines(content[:2]))

    def _add_shadow(self, key: Key, entry: Entry) -> None:
        said = _shadow(entry)
        pending = self._shadow.setdefault(key, _Pending())
        pending.read.append((entry, said))
        pending.rows += len(said.answers)
        self.shadow += len(said.answers)
        if pending.rows >= PART_ROWS:
            self._write_shadow(key)

    def _write_shadow(self, key: Key) -> None:
        model, version, day = key
        said = self._shadow.pop(key).read
        places = [
            (entry.prediction_id, row, entry.ns // 1_000)
            for entry, one in said
            for row in range(len(one.answers))
        ]
        table = self._renderings[model].shadow_table(places, [one for _, one in said])
        self._write(self._folder.shadow / f"model={model}" / f"version={version}" / day, table)

    def _write_rows(self, key: Key) -> None:
        model, version, day = key
        table = self._renderings[model].table(self._pending.pop(key).read)
        self._write(self._folder.parquet / f"model={model}" / f"version={version}" / day, table)

    def _write(self, folder: Path, table: pa.Table) -> None:
        number = self._numbers.get(folder, 0)
        self._numbers[folder] = number + 1
        write_table(folder / f"{self._stem}-{number}.parquet", table)


def _label(entry: Entry) -> LabelEvent:
    try:
        return label_of(entry)
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"a label: {error}") from None


def _shadow(entry: Entry) -> ShadowAnswers:
    try:
        return shadow_of(entry)
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"a shadow answer: {error}") from None


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a Parquet file, in place of one of this name."""

    def write(file: IO[bytes]) -> None:
        pq.write_table(table, file, compression="zstd")

    write_whole(path, write)


def as_tuple(entry: Entry) -> Any:
    """Returns an entry as it is framed."""
    return tuple(getattr(entry, name) for name in Entry.__struct_fields__)
