"""A folder in BentoML's home for what is not there yet; one process at a time has it."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from registry.errors import RegistryError

FOLDER, LOCK_FILE = ".restore", "restore.lock"


@contextlib.contextmanager
def locked(home: Path) -> Iterator[Path]:
    """Gives the folder, which may not exist, to this process alone.

    Raises:
        RegistryError: Another process has it, or the home cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / LOCK_FILE).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield home / FOLDER
    except BlockingIOError as error:
        raise RegistryError(
            f"{home}: another process is restoring or importing; wait for its end."
        ) from error
    except OSError as error:
        raise RegistryError(f"{home}: {error}") from error


@contextlib.contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Makes the folder anew, and deletes it if it comes to an error."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
