"""Writing files so that they are there whole, or not at all, and for their owner alone."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

TEMPORARY = ".tmp"


def write_whole(path: Path, write: Callable[[IO[bytes]], object], mode: int = 0o600) -> None:
    """Writes a file, in place of one of this name.

    Whoever is killed meanwhile leaves the former one, and perhaps a file of another name.

    Args:
        path: Where; folders that are missing are made.
        write: Writes the content.
        mode: Who may read it, less what the process allows nobody.
    """
    make_folder(path.parent)
    temporary = path.with_name(path.name + TEMPORARY)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        write(file)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those that it is in, for their owner alone."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Has nobody else change what is in a folder; waits for whoever does."""
    make_folder(folder)
    # The folder itself: no file for it lies about.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_state(path: Path) -> tuple[int, ...]:
    """Returns what changes whenever a file does, by a link too; nothing where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino, found.st_size
