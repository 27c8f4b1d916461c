"""The files that a worker writes its record to."""

import contextlib
import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path

from framework.record.folder import CLOSED, OPEN, RecordFolder, new_spool_file
from framework.record.frames import Frame, count_entries

CROWDED_OUT = "crowded_out"
"""Why entries are deleted before anybody has converted them."""

FILE_BYTES = 64 * 2**20
"""A file is closed when it is as large as this …"""

_FILES_WITHIN_CAP = 8
"""… or as this share of what all may take, so that something can be deleted."""


@dataclass(frozen=True)
class SpoolLimits:
    """How much is kept in the spool.

    Attributes:
        total_bytes: Most that all files may take, those of other workers too.
        file_seconds: Time after which a file is closed, for others to convert.
    """

    total_bytes: int
    file_seconds: float

    @property
    def file_bytes(self) -> int:
        """Size at which a file is closed."""
        return min(FILE_BYTES, self.total_bytes // _FILES_WITHIN_CAP)


class LostError(OSError):
    """The file that was written to is gone.

    Attributes:
        entries: How many went with it, so far as they are not known to have been safe.
    """

    def __init__(self, entries: int) -> None:
        super().__init__(errno.ENOENT, os.strerror(errno.ENOENT))
        self.entries = entries


class Spool:
    """The files of one worker. Not for several threads.

    Args:
        folder: The record's folder.
        limits: How much is kept.

    Attributes:
        written_bytes: All that were ever written.
        spool_bytes: What the files of all workers took when they were last looked at.
        oldest_ns: When the oldest of them was begun; None if there is none.
        crowded_out: Entries that were deleted, unconverted, because there was no more room.
    """

    def __init__(self, folder: RecordFolder, limits: SpoolLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._path: Path | None = None
        self._descriptor = -1
        self._began = 0.0
        self._size = 0
        self._unsure = 0
        self.written_bytes = 0
        self.spool_bytes = 0
        self.oldest_ns: int | None = None
        self.crowded_out = 0

    def append(self, frame: Frame) -> None:
        """Writes a frame: all of it, or nothing.

        Raises:
            OSError: It could not be written.
        """
        if self._path is None:
            self._open()
        wanted = len(frame.head) + len(frame.entries)
        try:
            written = os.writev(self._descriptor, (frame.head, frame.entries))
            if written < wanted:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._take_back()
            raise
        self._size += wanted
        self.written_bytes += wanted
        self._unsure += frame.number
        if self._size >= self._limits.file_bytes:
            self.close_file()

    def look_after(self) -> None:
        """Makes sure of what was written, closes an old file, and keeps the spool within bounds.

        To be called every second.

        Raises:
            LostError: The file is gone.
            OSError: What was written may not be safe.
        """
        self.sync()
        if self._path is not None and (time.monotonic() - self._began >= self._limits.file_seconds):
            self.close_file()
        self._trim()

    def sync(self) -> None:
        """Makes sure of what was written.

        Raises:
            LostError: The file is gone.
            OSError: What was written may not be safe.
        """
        if self._path is None:
            return
        self._require_file()
        if self._unsure:
            os.fdatasync(self._descriptor)
            self._unsure = 0

    def close_file(self) -> None:
        """Closes the file: from then on others may convert it.

        Raises:
            LostError: The file is gone.
            OSError: What was written may not be safe.
        """
        if self._path is None:
            return
        self._require_file()
        try:
            os.fdatasync(self._descriptor)
            self._path.rename(self._path.with_name(self._path.name.removesuffix(OPEN) + CLOSED))
        finally:
            self._leave()

    def _open(self) -> None:
        # The folder itself is never made anew: what was mounted there may be elsewhere now.
        self._folder.spool.mkdir(mode=0o700, exist_ok=True)
        self._path, self._descriptor = new_spool_file(self._folder.spool, time.time_ns())
        self._began = time.monotonic()
        self._size = self._unsure = 0

    def _take_back(self) -> None:
        """Takes away the beginning of a frame whose rest was not written."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._leave()

    def _require_file(self) -> None:
        assert self._path is not None
        try:
            same = self._path.stat().st_ino == os.fstat(self._descriptor).st_ino
        except OSError:
            same = False
        if not same:
            lost = self._unsure
            self._leave()
            raise LostError(lost)

    def _leave(self) -> None:
        os.close(self._descriptor)
        self._path, self._descriptor = None, -1

    def _trim(self) -> None:
        files = self._folder.spool_files()
        total = sum(file.size for file in files)
        kept = []
        for file in files:
            if total <= self._limits.total_bytes or file.is_open:
                kept.append(file)
                continue
            total -= file.size
            # Where another worker, or a converter, was faster, it is theirs to count.
            with contextlib.suppress(FileNotFoundError):
                entries = count_entries(file.path)
                file.path.unlink()
                self.crowded_out += entries
        self.spool_bytes = total
        self.oldest_ns = kept[0].started_ns if kept else None
