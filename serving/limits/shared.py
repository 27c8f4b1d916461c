"""Buckets that the workers of a machine share: a table in a file that each of them maps.

Every taking is made under the file's lock, so that all workers together give away what one bucket
has, and no more. The lock is the kernel's, and ends with a process however that ends.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import time
from pathlib import Path

from serving.limits.bucket import Clock, Grant, Rate, take

# A name's digest, and when its bucket is full.
_SLOT = struct.Struct("=Qd")
_SLOTS = 2**14
# Names whose digests begin alike lie one behind the other; so far is looked.
_NEAR = 32


class SharedBuckets:
    """Buckets in a file, for one thread of each process: the lock is between processes.

    Args:
        path: The file, the same for all workers; made if it is not there.
        clock: Tells the time in seconds, the same to all workers.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = _SLOTS * _SLOT.size
        # Written, not only made that long: a disk that is full later would end the process.
        os.posix_fallocate(self._descriptor, 0, size)
        self._table = mmap.mmap(self._descriptor, size)

    def take(self, name: str, rate: Rate, least: int, most: int) -> Grant:
        """See `serving.limits.bucket.Buckets`."""
        digest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") or 1
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            now = self._clock()
            place, full_at = self._find(digest, now)
            full_at, grant = take(full_at, now, rate, least, most)
            _SLOT.pack_into(self._table, place, digest, full_at)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return grant

    def close(self) -> None:
        """Gives the file back."""
        self._table.close()
        os.close(self._descriptor)

    def _find(self, digest: int, now: float) -> tuple[int, float]:
        """Returns the place of a bucket, and when it is full.

        A new one takes a place whose bucket is full, and so of no account; if there is none near,
        that of the bucket that is full first, which then begins anew: full.
        """
        free, earliest = -1, float("inf")
        for step in range(_NEAR):
            place = (digest + step) % _SLOTS * _SLOT.size
            found, full_at = _SLOT.unpack_from(self._table, place)
            if found == digest:
                return place, full_at
            if full_at < earliest:
                free, earliest = place, full_at
        return free, now
