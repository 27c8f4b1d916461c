"""Starting and stopping a worker, in an order that costs no request."""

import contextlib
import ctypes
import gc
import logging
import os
from collections.abc import Callable
from pathlib import Path

import psutil
from bentoml.serving import running_inside_container

# New objects before a collection of the youngest; young ones before older ones; these before all.
_COLLECT_AFTER = (50_000, 20, 100)

logger = logging.getLogger("bentoml.serving")


class Lifecycle:
    """Whether a worker takes requests, and what it does when it is told to stop.

    At the first sign readiness fails, while requests are still answered, so that whoever sends
    them can turn elsewhere; after `drain_seconds` the web server closes its socket, lets the
    requests under way end, and exits.

    Args:
        drain_seconds: Time between the two.
        timeout_seconds: How long a request may take.
        workers: Worker processes of the service.
        on_drain: Called on the event loop when readiness fails.
        on_stop: Called on the event loop when the web server's shutdown begins.
        hangs: Tells whether a model has been computing one batch for too long.
    """

    def __init__(
        self,
        drain_seconds: float,
        timeout_seconds: float,
        workers: int,
        on_drain: Callable[[], object],
        on_stop: Callable[[], object],
        hangs: Callable[[], bool],
    ) -> None:
        self.drain_seconds = drain_seconds
        self.timeout_seconds = timeout_seconds
        self.workers = workers
        self._on_drain = on_drain
        self._on_stop = on_stop
        self._hangs = hangs
        self.draining = False

    def started(self) -> None:
        """Tells the master that the worker accepts connections."""
        if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            ready_file(Path(folder), os.getpid()).touch()

    def drain(self) -> None:
        """Lets readiness fail; to be called on the event loop."""
        self.draining = True
        logger.info("Draining for %s s, then stopping", self.drain_seconds)
        self._on_drain()

    def stop(self) -> None:
        """Begins to end; to be called on the event loop, when nothing new is taken."""
        self._on_stop()

    def ailment(self) -> str:
        """Why the worker, or all of them, should be started anew; empty if they are well."""
        if self._hangs():
            return "A model has been computing a batch for longer than anybody waits."
        if self._has_lost_a_worker():
            return "A worker has ended and is not replaced."
        return ""

    def _has_lost_a_worker(self) -> bool:
        """Whether a worker has ended for good.

        BentoML replaces a worker, except in a container: there the others go on alone, and the
        container should be restarted.
        """
        if not running_inside_container():
            return False
        siblings = psutil.Process(os.getppid()).children()
        alive = sum(sibling.status() != psutil.STATUS_ZOMBIE for sibling in siblings)
        return alive < self.workers


def ready_file(folder: Path, pid: int) -> Path:
    """Returns the file whose being there tells that a worker has become ready.

    Args:
        folder: The one that the server's workers share their metrics in.
        pid: The worker's process id.
    """
    return folder / f"{pid}.ready"


def settle_memory() -> None:
    """Tidies up once a worker has loaded all it will keep.

    Models and libraries stay: unfrozen, each full collection would walk through all of them. Rows
    come and go by the thousand and form no cycles: by Python's thresholds, the collector would
    walk through the waiting ones again and again. And glibc keeps what loading has freed until it
    is asked to return it (6 MB here).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
