"""The thread that writes the record, so that no request waits for a disk."""

import errno
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from framework.record.frames import EntryTuple, Frame, encode_into, frame, framed
from serving.record.private import redacted
from serving.record.spool import LostError, Spool

TICK_SECONDS = 1.0
FRAME_BYTES = 2**20
"""What a frame may hold before the next one begins: it is made while Python's lock is held."""

_REASONS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.ENOENT: "folder_gone",
    errno.ENOTDIR: "folder_gone",
    errno.ESTALE: "folder_gone",
}
_DISK_ERROR, _INTERNAL = "disk_error", "internal"
THREAD_REASONS = (*dict.fromkeys(_REASONS.values()), _DISK_ERROR, _INTERNAL)
"""Why entries are dropped here."""

logger = logging.getLogger("bentoml.serving")


@dataclass(frozen=True)
class Batch:
    """Entries that are handed over together.

    Attributes:
        encoded: Those that are encoded already, behind a byte that is none of theirs.
        count: How many these are.
        others: The others; the body of some may be an `Unread`.
        size: What all of them count for, in bytes.
    """

    encoded: bytearray
    count: int
    others: Sequence[EntryTuple]
    size: int


@dataclass(frozen=True)
class Promise:
    """Entries that somebody waits for.

    Attributes:
        entries: The entries, which are written together or not at all.
        kept: Whether they are safe on the disk.
    """

    entries: Sequence[EntryTuple]
    kept: Future[bool]


class SpoolThread(threading.Thread):
    """Writes what it is handed, in order.

    A failure is logged once, until something can be written again.

    Args:
        spool: Where it writes; nobody else may.

    Attributes:
        entries: How many were written.
        done_entries: How many wait no more, written or dropped.
        done_bytes: Bytes of these.
        dropped: How many were not written, or were lost with their file, by reason.
    """

    def __init__(self, spool: Spool) -> None:
        super().__init__(name="record", daemon=True)
        self._spool = spool
        self._queue: SimpleQueue[Batch | Promise | None] = SimpleQueue()
        self._promises: list[Future[bool]] = []
        self._failing = ""
        self._buffers: list[bytearray] = []
        self.entries = 0
        self.done_entries = 0
        self.done_bytes = 0
        self.dropped: dict[str, int] = defaultdict(int)

    def hand_over(self, batch: Batch) -> None:
        """Takes entries to write."""
        self._queue.put(batch)

    def buffer(self) -> bytearray:
        """Returns a buffer of one byte, for entries behind it: one whose memory is warm.

        A buffer that is emptied gives its memory back.
        """
        found = self._buffers.pop() if self._buffers else bytearray()
        encode_into(None, found, 0)
        return found

    def promise(self, entries: Sequence[EntryTuple]) -> Future[bool]:
        """Takes entries to write together; tells when they are safe on the disk, or cannot be."""
        kept: Future[bool] = Future()
        self._queue.put(Promise(entries, kept))
        return kept

    def end(self, seconds: float) -> None:
        """Writes what is left and closes the file, as far as that is done in so many seconds."""
        self._queue.put(None)
        self.join(seconds)

    def run(self) -> None:
        """Writes until it is told to end."""
        next_look = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=max(0, next_look - time.monotonic()))
            except Empty:
                pass
            else:
                if item is None:
                    break
                if isinstance(item, Promise):
                    self._write_promised(item)
                else:
                    self._write(item)
                if self._queue.empty():
                    self._keep_promises()
            if time.monotonic() >= next_look:
                self._attempt(self._spool.look_after)
                next_look = time.monotonic() + TICK_SECONDS
        self._keep_promises()
        self._attempt(self._spool.close_file)

    def _write(self, batch: Batch) -> None:
        if batch.count:
            with memoryview(batch.encoded) as encoded:
                self._append(batch.count, partial(framed, encoded[1:], batch.count))
        for part in _parts(batch.others):
            self._append(len(part), partial(_framed, part))
        if len(batch.encoded) <= FRAME_BYTES:
            self._buffers.append(batch.encoded)
        self.done_entries += batch.count + len(batch.others)
        self.done_bytes += batch.size

    def _append(self, count: int, make: Callable[[], Frame]) -> None:
        try:
            self._spool.append(make())
        except OSError as error:
            self._fail(error, count)
        except Exception:
            logger.exception("The record could not take %d answers", count)
            self.dropped[_INTERNAL] += count
        else:
            self.entries += count
            self._recover()

    def _write_promised(self, promise: Promise) -> None:
        if not promise.kept.set_running_or_notify_cancel():
            return
        try:
            self._spool.append(frame(promise.entries))
        except OSError as error:
            self._fail(error, 0)
            promise.kept.set_result(False)
        except Exception:
            logger.exception("The record could not take %d entries", len(promise.entries))
            promise.kept.set_result(False)
        else:
            self._recover()
            self._promises.append(promise.kept)

    def _keep_promises(self) -> None:
        """Makes sure, once for all of them, of what others wait for."""
        if self._promises:
            self._attempt(self._spool.sync)
            self._settle(kept=True)

    def _settle(self, *, kept: bool) -> None:
        for promise in self._promises:
            promise.set_result(kept)
        self._promises = []

    def _recover(self) -> None:
        if self._failing:
            self._failing = ""
            logger.warning("The record is being written again")

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except LostError as error:
            self._fail(error, error.entries)
        except OSError as error:
            self._fail(error, 0)

    def _fail(self, error: OSError, entries: int) -> None:
        reason = _REASONS.get(error.errno or 0, _DISK_ERROR)
        self.dropped[reason] += entries
        # Whether they are on the disk is not known any more.
        self._settle(kept=False)
        if reason != self._failing:
            self._failing = reason
            logger.error("The record cannot be written, answers go unrecorded: %s", error)


def _framed(entries: Sequence[EntryTuple]) -> Frame:
    return frame(redacted(entries))


def _parts(entries: Sequence[EntryTuple]) -> Iterator[Sequence[EntryTuple]]:
    """Divides entries into what makes a frame each."""
    start = size = 0
    for stop, (*_, body, answer) in enumerate(entries, 1):
        size += len(body) + len(answer)
        if size >= FRAME_BYTES or stop == len(entries):
            yield entries[start:stop]
            start, size = stop, 0
