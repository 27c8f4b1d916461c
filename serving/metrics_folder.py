"""The folder in which the workers of a server share their metrics: each server's own."""

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from bentoml.exceptions import BentoMLConfigException

_PREFIX = "model-server-metrics-"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - made by `mkdtemp`


def make_metrics_folder() -> Path:
    """Makes an empty folder, which is this process's own until it ends.

    It lies in shared memory, where no disk fills up, or among the temporary files: both can be
    written in a read-only container too. A lock on it, which ends with the process however that
    ends, tells the folders of running servers from those of killed ones, which are removed here; no
    process id would, in a folder that several containers share. (`systemd-tmpfiles` leaves locked
    folders alone as well.)

    Raises:
        BentoMLConfigException: There is no place for it.
    """
    problems = []
    for parent in _parents():
        _remove_leftovers(parent)
        try:
            return _make_in(parent)
        except OSError as error:
            problems.append(f"{parent} ({error.strerror})")
    raise BentoMLConfigException(
        f"The workers' metrics cannot be shared in {' or '.join(problems)}: make room there, or "
        "name another folder in TMPDIR."
    )


def _parents() -> list[Path]:
    """Where it may lie; a `TMPDIR` is somebody's wish."""
    temporary = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())
    return [temporary] if "TMPDIR" in os.environ else [_SHARED_MEMORY, temporary]


def _make_in(parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=parent))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    # Not before it is locked does it look like one to be removed.
    folder = folder.rename(folder.with_name(_PREFIX + folder.name))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _remove_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Another user's, a running server's, or removed by another start at this moment.
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
