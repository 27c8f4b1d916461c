"""The record as tables: what was answered, and what was refused."""

import contextlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Of rows answered in the same microsecond.
ORDER = [("time", "ascending"), ("prediction_id", "ascending"), ("row", "ascending")]
_NONE = pa.schema(
    [("time", pa.timestamp("us", "UTC")), ("prediction_id", pa.string()), ("row", pa.int32())]
).empty_table()


@dataclass(frozen=True)
class Store:
    """The Parquet files of a record.

    Attributes:
        folder: Folder of the record.
        part: Which of its folders: `parquet`, what was answered; or `shadow`, what other versions
            said to it.
    """

    folder: Path
    part: Literal["parquet", "shadow"] = "parquet"

    def models(self) -> list[str]:
        """Returns the names of the models that have rows."""
        return sorted(_value(path) for path in self._parquet.glob("model=*"))

    @property
    def shadow(self) -> "Store":
        """The shadow answers of the same record."""
        return Store(self.folder, "shadow")

    def files(self, model: str, since: datetime | None = None) -> list[Path]:
        """Returns the files of a model, those that have a row since a time."""
        found = sorted(self._parquet.glob(f"model={model}/version=*/day=*/*.parquet"))
        return [path for path in found if since is None or _end(path) >= since]

    def versions(self, model: str) -> list[str]:
        """Returns the versions of a model that have rows; the one answered last comes last."""
        latest: dict[str, datetime] = {}
        for path in self._parquet.glob(f"model={model}/version=*/day=*/*.parquet"):
            version = _value(path.parent.parent)
            latest[version] = max(latest.get(version, datetime.min.replace(tzinfo=UTC)), _end(path))
        return sorted(latest, key=lambda version: (latest[version], version))

    def rows(
        self,
        model: str,
        version: str,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
        newest: int | None = None,
    ) -> pa.Table:
        """Returns answered rows, the newest last.

        Args:
            model: Name of the model.
            version: Version of its tag.
            since: The earliest time.
            until: The time before which they are.
            columns: Only these columns, and what orders the rows.
            newest: No more than so many; only the files that hold them are read.
        """
        folder = self._parquet / f"model={model}" / f"version={version}"
        wanted = None if columns is None else list({**dict.fromkeys(columns), **dict(ORDER)})
        parts: list[pa.Table] = []
        times: list[datetime] = []
        for end, path in _newest_first(folder):
            # No row of this file, or of one after it, is wanted.
            if (since and end < since) or (newest and len(times) == newest and end < times[0]):
                break
            parts.append(_between(_read(path, wanted), since, until))
            if newest:
                times = sorted([*times, *parts[-1]["time"].to_pylist()])[-newest:]
        table = _joined(parts)
        return table.slice(max(0, len(table) - newest)) if newest else table

    def failed(
        self, model: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """Returns the requests that failed, the newest last."""
        parts = [
            _between(_read(path, None), since, until)
            for path in sorted(self._parquet.glob("failed/day=*/*.parquet"))
            if since is None or _end(path) >= since
        ]
        table = _joined(parts)
        return (
            table if model is None or not len(table) else table.filter(pc.field("model") == model)
        )

    def places(
        self, model: str, prediction_ids: Collection[str], since: datetime | None = None
    ) -> Iterator[set[tuple[str, int]]]:
        """Gives which rows of some predictions there are, file by file, the newest file first.

        Args:
            model: Name of the model.
            prediction_ids: Of the predictions.
            since: Files that were written before are left out.
        """
        wanted = sorted(prediction_ids)
        files = self._parquet.glob(f"model={model}/version=*/day=*/*.parquet")
        for written, path in sorted(_written(files), reverse=True):
            if since is not None and written < since.timestamp():
                break
            # It may have been deleted, or replaced, meanwhile.
            with contextlib.suppress(FileNotFoundError):
                yield _places(path, wanted)

    @property
    def _parquet(self) -> Path:
        return self.folder / self.part


def _written(paths: Iterable[Path]) -> Iterator[tuple[float, Path]]:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            yield path.stat().st_mtime, path


def _places(path: Path, wanted: Sequence[str]) -> set[tuple[str, int]]:
    file = pq.ParquetFile(path)
    at = file.schema_arrow.names.index("prediction_id")
    groups = [
        group
        for group in range(file.num_row_groups)
        if _may_hold(file.metadata.row_group(group).column(at).statistics, wanted)
    ]
    table = file.read_row_groups(groups, ["prediction_id", "row"])
    found = table.filter(pc.is_in(table["prediction_id"], pa.array(wanted, pa.string())))
    return set(zip(found["prediction_id"].to_pylist(), found["row"].to_pylist(), strict=True))


def _may_hold(statistics: Any, wanted: Sequence[str]) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    at = bisect_left(wanted, statistics.min)
    return at < len(wanted) and wanted[at] <= statistics.max


def _read(path: Path, columns: list[str] | None) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        # Retention has deleted it since it was listed.
        return _NONE
    names = file.schema_arrow.names
    return file.read(names if columns is None else [name for name in columns if name in names])


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    if not parts:
        return _NONE
    table = pa.concat_tables(parts, promote_options="permissive")
    return table.sort_by([key for key in ORDER if key[0] in table.column_names])


def _between(table: pa.Table, since: datetime | None, until: datetime | None) -> pa.Table:
    if since is not None:
        table = table.filter(pc.field("time") >= pa.scalar(since, table["time"].type))
    if until is not None:
        table = table.filter(pc.field("time") < pa.scalar(until, table["time"].type))
    return table


def _newest_first(folder: Path) -> Iterator[tuple[datetime, Path]]:
    """Gives the files of a model's version and the times of their newest rows, the newest first."""
    for day in sorted(folder.glob("day=*"), reverse=True):
        yield from sorted(((_end(path), path) for path in day.glob("*.parquet")), reverse=True)


def _end(path: Path) -> datetime:
    """Returns the time of a file's newest row; of none, or of a file that is gone, the earliest."""
    earliest = datetime.min.replace(tzinfo=UTC)
    try:
        metadata = pq.read_metadata(path)
    except FileNotFoundError:
        return earliest
    at = metadata.schema.names.index("time")
    groups = (metadata.row_group(group) for group in range(metadata.num_row_groups))
    ends = [group.column(at).statistics.max for group in groups if group.num_rows]
    return max(ends, default=earliest)


def _value(path: Path) -> str:
    return path.name.partition("=")[2]
