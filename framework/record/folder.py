"""The folder of a record: what lies where, under which names, and who is writing it."""

import contextlib
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.files import sync_folder

OPEN, CLOSED = ".log.open", ".log"
_NEW = ".new"
_STRANGE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class SpoolFile:
    """One file of the spool.

    Attributes:
        path: Where it is.
        size: Its bytes.
    """

    path: Path
    size: int

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed: it is being written, or its writer was killed."""
        return self.path.name.endswith(OPEN)

    @property
    def stem(self) -> str:
        """Its name, the same while it is written and after."""
        return self.path.name.removesuffix(OPEN).removesuffix(CLOSED)

    @property
    def started_ns(self) -> int:
        """When it was begun, in nanoseconds since 1970."""
        number = self.stem.rpartition("-")[2]
        return int(number) if number.isdecimal() else 0


@dataclass(frozen=True)
class RecordFolder:
    """The folder of a record, which is its owner's alone.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def spool(self) -> Path:
        """Where servers write."""
        return self.root / "spool"

    @property
    def parquet(self) -> Path:
        """Where it is kept, by model, version and day."""
        return self.root / "parquet"

    @property
    def shadow(self) -> Path:
        """Where shadow answers are kept, in the same way."""
        return self.root / "shadow"

    def create(self) -> None:
        """Makes the folder where it is missing.

        Raises:
            OSError: It cannot be made, or not be written.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.spool.mkdir(mode=0o700, exist_ok=True)
        if not os.access(self.spool, os.W_OK | os.X_OK):
            raise PermissionError(f"{self.spool} cannot be written")

    def spool_files(self) -> list[SpoolFile]:
        """Returns the files of the spool, the oldest first."""
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.spool) as entries:
            for one in entries:
                if one.name.endswith((OPEN, CLOSED)):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(SpoolFile(Path(one.path), one.stat().st_size))
        return sorted(found, key=lambda file: (file.started_ns, file.stem))


def new_spool_file(spool: Path, now_ns: int) -> tuple[Path, int]:
    """Makes a file to write to, which is held by this process as long as it is open.

    Returns:
        Its path, and its descriptor for `os.write`.

    Raises:
        OSError: It cannot be made.
    """
    host = _STRANGE.sub("_", socket.gethostname())
    path = spool / f"{host}-{os.getpid()}-{now_ns}{OPEN}"
    made = path.with_name(path.name + _NEW)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        # Nobody may find it before it is held.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        made.rename(path)
        # What is written there is safe only if its name is.
        sync_folder(spool)
    except OSError:
        os.close(descriptor)
        raise
    return path, descriptor


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Holds a file, if nobody else does; tells whether it does.

    A process that is killed holds nothing any more, wherever it ran. A file that is gone is held
    by nobody, and cannot be.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
