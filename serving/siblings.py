"""The workers of a service, as one of them sees them: which serve, and whether one is lost."""

import contextlib
import os
import time
from pathlib import Path

import psutil
from bentoml.serving import running_inside_container

from framework.adapters.bentoml import home_folder
from framework.servers import ServerFolder

LOST_SECONDS = 60.0
"""Time that a worker may be missing, where BentoML replaces workers."""


class Siblings:
    """This worker and the others of its service.

    Each leaves a file in the folder of their metrics when it begins to serve.

    Args:
        count: How many there should be.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._missing_since: float | None = None
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._folder = Path(folder) if folder else None

    def begin_serving(self) -> None:
        """Tells the others that this worker serves from now on."""
        if self._folder:
            # Without room for the file nobody can tell who serves; this one does, all the same.
            with contextlib.suppress(OSError):
                ready_file(self._folder, os.getpid()).touch()

    def serving(self) -> int:
        """Returns how many workers serve, this one included."""
        if not self._folder:
            return 0
        folder = self._folder
        return sum(ready_file(folder, pid).exists() for pid in _living())

    def is_one_lost(self) -> bool:
        """Whether a worker has ended for good.

        BentoML replaces a worker, except in a container: there the others go on alone, and the
        container should be restarted. Elsewhere one is lost when its place has been empty for
        `LOST_SECONDS`, because whatever replaces it cannot start.
        """
        if running_inside_container():
            return len(_living()) < self._count
        if not self._folder or not ready_file(self._folder, os.getpid()).exists():
            return False
        if self.serving() >= self._count:
            self._missing_since = None
            return False
        now = time.monotonic()
        self._missing_since = self._missing_since or now
        return now - self._missing_since >= LOST_SECONDS


def server_folder() -> ServerFolder | None:
    """Returns the folder where the workers of this server tell what they serve, if it can be."""
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return ServerFolder.of_worker(home_folder(), Path(shared) if shared else None)


def served_by_siblings(name: str) -> str:
    """Returns the tag of a model that the other workers serve, or served last.

    It is empty if none has told, or none serves the model.
    """
    folder = server_folder()
    states = folder.latest() if folder else []
    told = (state.models[name].tag for state in states if name in state.models)
    return next((tag for tag in told if tag), "")


def ready_file(folder: Path, pid: int) -> Path:
    """Returns the file whose being there tells that a worker has become ready.

    Args:
        folder: The one that the server's workers share their metrics in.
        pid: The worker's process id.
    """
    return folder / f"{pid}.ready"


def _living() -> list[int]:
    """Returns the process ids of all workers that run."""
    living = []
    for child in psutil.Process(os.getppid()).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                living.append(child.pid)
    return living
