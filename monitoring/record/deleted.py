"""Predictions that are to be deleted, for as long as a server may still write them down."""

import time
from collections.abc import Iterable
from pathlib import Path

from framework.files import write_whole
from framework.record.folder import SpoolFile
from framework.record.ids import model_of

_MARGIN_NS = 600 * 10**9
"""What was answered is written within this time, whatever the disk."""


class Deleted:
    """Which predictions are not to be converted.

    Args:
        root: The record's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "deleted"
        self._ids: set[str] = set()

    def __contains__(self, prediction_id: str) -> bool:
        return prediction_id in self._ids

    def add(self, prediction_id: str) -> None:
        """Has a prediction not be converted from now on."""
        write_whole(self._folder / prediction_id, lambda _: None)

    def refresh(self) -> None:
        """Learns which they are now."""
        self._ids = set()
        if self._folder.is_dir():
            self._ids = {path.name for path in self._folder.iterdir() if model_of(path.name)}

    def forget(self, spool: Iterable[SpoolFile]) -> None:
        """Forgets those that no file of the spool can hold any more."""
        oldest = min((file.started_ns for file in spool), default=time.time_ns())
        for name in self._ids:
            path = self._folder / name
            if path.stat().st_mtime_ns + _MARGIN_NS < min(oldest, time.time_ns()):
                path.unlink()
