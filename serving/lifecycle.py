"""Starting and stopping a worker, in an order that costs no request."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import resource
import ssl
import weakref
from collections.abc import Callable, Container

from framework.adapters.uvicorn_connection import Direct
from framework.connections import ConnectionLimits
from serving.failed_start import FailedStart
from serving.siblings import Siblings

# Of files and connections a worker may have open; many systems give a process 1,024 unless it asks.
_DESCRIPTORS = 65_536
# New objects before a collection of the youngest; young ones before older ones; these before all.
_COLLECT_AFTER = (50_000, 20, 100)
# glibc's mallopt: what it keeps at a heap's end, from which size on blocks go back once they are
# freed, and how many heaps the threads share (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX).
_MALLOC = {-1: 8 * 2**20, -3: 2**20, -8: 2}

BROWSER_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
)
"""What browsers are told with every answer: to take it for what it says it is, and to keep apart
who asked for it."""

ENCRYPTED_HEADER = ("strict-transport-security", "max-age=31536000")
"""What they are told over TLS: to come back in no other way."""

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
        probes: Paths that are answered whatever else is asked.
        on_refuse: Called on the event loop when a connection is refused unheard, with the status.
        limits: Bounds on connections.

    Attributes:
        direct: Path → who may answer what is posted to it, ahead of the application.
        headers: Headers of every answer.
        tls: Tells by what the next connection is encrypted; None: by what BentoML has configured.
    """

    def __init__(
        self,
        drain_seconds: float,
        timeout_seconds: float,
        workers: int,
        on_drain: Callable[[], object],
        on_stop: Callable[[], object],
        hangs: Callable[[], bool],
        probes: Container[str],
        on_refuse: Callable[[int], object],
        limits: ConnectionLimits,
    ) -> None:
        self.drain_seconds = drain_seconds
        self.timeout_seconds = timeout_seconds
        self.workers = workers
        self.siblings = Siblings(workers)
        self.failed_start = FailedStart(self.siblings)
        self._on_drain = on_drain
        self._on_stop = on_stop
        self._hangs = hangs
        self.probes = probes
        self._on_refuse = on_refuse
        self.limits = limits
        self.direct: dict[str, Direct] = {}
        self.headers: list[tuple[str, str]] = list(BROWSER_HEADERS)
        self.tls: Callable[[], ssl.SSLContext] | None = None
        self.draining = False

    def started(self) -> None:
        """Tells the master and the other workers that this one accepts connections."""
        allow_descriptors()
        if not self.failed_start.refusing:
            self.siblings.begin_serving()

    def told_to_stop(self) -> None:
        """Hears of every signal to stop, at any time; called by a signal handler."""
        self.failed_start.stopped = True

    def drain(self) -> None:
        """Lets readiness fail; to be called on the event loop."""
        self.draining = True
        logger.info("Draining for %s s, then stopping", self.drain_seconds)
        self._on_drain()

    def stop(self) -> None:
        """Begins to end; to be called on the event loop, when nothing new is taken."""
        self._on_stop()

    def refused(self, status: int) -> None:
        """Counts a connection that was refused because too many came."""
        self._on_refuse(status)

    def ailment(self) -> str:
        """Why the worker, or all of them, should be started anew; empty if they are well."""
        if self._hangs():
            return "A model has been computing a batch for longer than anybody waits."
        if self.siblings.is_one_lost():
            return "A worker has ended and is not replaced."
        return ""


def allow_descriptors() -> None:
    """Lets this process have as many connections open as the system allows it to, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def settle_memory() -> None:
    """Tidies up once a worker has loaded all it will keep.

    Models and libraries stay: unfrozen, each full collection would walk through all of them. Rows
    come and go by the thousand and form no cycles: by Python's thresholds, the collector would
    walk through the waiting ones again and again. And glibc keeps what loading has freed until it
    is asked to return it (6 MB here).

    Large requests come and go, too. glibc would learn from the first ones to keep tens of megabytes
    of what is freed, for each of the many threads that gRPC has; here large blocks go back at once.
    """
    return_memory()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        for setting in _MALLOC.items():
            libc.mallopt(*setting)


def return_memory() -> None:
    """Gives back what is needed no more, as after a version of a model has gone.

    What is frozen is not looked at: it takes one or two milliseconds then.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def return_memory_after(going: object) -> None:
    """Gives back, once a version has gone, what it and its codecs leave behind in cycles."""
    loop = asyncio.get_running_loop()

    def has_gone() -> None:
        # Whichever thread was the last to need it.
        if not loop.is_closed():
            loop.call_soon_threadsafe(return_memory)

    weakref.finalize(going, has_gone).atexit = False
