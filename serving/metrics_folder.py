"""The folder in which the workers of a server share their metrics: each server's own."""

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "model-server-metrics-"


def make_metrics_folder() -> Path:
    """Makes an empty folder, which is this process's own until it ends.

    It lies among the temporary files: those can be written in a read-only container too. A lock on
    it, which ends with the process however that ends, tells the folders of running servers from
    those of killed ones, which are removed here; no process id would, in a folder that several
    containers share. (`systemd-tmpfiles` leaves locked folders alone as well.)
    """
    _remove_leftovers(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp())
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
