"""How long, and how much, is kept."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from framework.record.folder import RecordFolder

UNREAD = "unread"


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Attributes:
        days: Whole days before today; all if none.
        size: Bytes of all Parquet files; the oldest days go first.
    """

    days: int | None = None
    size: int | None = None


def keep(folder: RecordFolder, limits: Limits) -> int:
    """Deletes what is too old or too much, but nothing of today; returns how many bytes.

    What could not be read, and is kept as it came, is as old as its file.
    """
    today = datetime.now(UTC).date()
    days = sorted(_days(folder.root))
    deleted = 0
    total = sum(size for _, _, size in days)
    for day, path, size in days:
        is_old = limits.days is not None and day < today - timedelta(days=limits.days)
        is_much = limits.size is not None and total > limits.size and day < today
        if is_old or is_much:
            shutil.rmtree(path)
            total -= size
            deleted += size
    for path in (folder.root / UNREAD).glob("*.log"):
        stat = path.stat()
        written = datetime.fromtimestamp(stat.st_mtime, UTC).date()
        if limits.days is not None and written < today - timedelta(days=limits.days):
            path.unlink()
            deleted += stat.st_size
    return deleted


def _days(root: Path) -> Iterator[tuple[date, Path, int]]:
    of_models = "model=*/version=*/day=*"
    for pattern in ("parquet/failed/day=*", f"parquet/{of_models}", f"shadow/{of_models}"):
        for path in root.glob(pattern):
            size = sum(file.stat().st_size for file in path.iterdir())
            yield date.fromisoformat(path.name.removeprefix("day=")), path, size
