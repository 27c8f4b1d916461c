"""The insides of circus, BentoML's master process: how its workers start, stop and are replaced."""

import os
import signal
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from _bentoml_impl.server.serving import API_SERVER_NAME
from bentoml._internal.utils import circus as bentoml_circus
from circus.process import Process
from circus.sockets import CircusSocket
from circus.util import synchronized, tornado_sleep
from circus.watcher import Watcher
from tornado import gen

from framework.listening import drop_new_connections

# What a worker needs, at most, to end once nothing is under way.
_END_SECONDS = 5.0
# From when it is told to listen no more, a worker still answers what has come; then nobody listens.
_UNHEARD_SECONDS = 0.8
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Supervision:
    """How the master treats its workers.

    Attributes:
        http: The listening socket of HTTP.
        kept: Sockets that are kept from others as long as the server runs.
        drain_seconds: Time from SIGTERM until workers listen no more.
        timeout_seconds: How long a request may take.
        is_ready: Whether the worker of a process id has become ready.
        on_start: Called when there is nothing left that could refuse the start.
    """

    http: socket.socket
    kept: Iterable[socket.socket]
    drain_seconds: float
    timeout_seconds: float
    is_ready: Callable[[int], bool]
    on_start: Callable[[], object]


def supervise(supervision: Supervision) -> None:
    """Has the server that this process is about to start run under `Master`."""
    bentoml_circus.Arbiter = partial(Master, supervision)  # type: ignore[assignment, misc]


class Master(bentoml_circus.Arbiter):
    """BentoML's master, which stops in bounded time and replaces workers without a gap.

    A worker that outlives the drain time and the time-out is killed. A second SIGTERM kills all at
    once. On SIGHUP new workers start, and the old ones leave when those are ready; if one of the
    new ones fails to start, the old ones stay.

    Args:
        supervision: How to treat the workers.
        watchers: Start the workers.
        sockets: Those that BentoML has made and not bound.
        options: The arbiter's own.
    """

    def __init__(
        self,
        supervision: Supervision,
        watchers: list[Watcher],
        *,
        sockets: list[CircusSocket],
        **options: Any,
    ) -> None:
        self._supervision = supervision
        for watcher in watchers:
            watcher.graceful_timeout = (
                supervision.drain_seconds + supervision.timeout_seconds + _END_SECONDS
            )
        for one in sockets:
            if one.name == API_SERVER_NAME:
                _become(one, supervision.http)
        super().__init__(watchers, sockets=sockets, **options)
        supervision.on_start()

    def stop(self) -> Any:
        """Stops the workers; the second time, at once."""
        if self._stopping:
            for watcher, process in self._workers():
                watcher.send_signal_process(process, signal.SIGKILL, recursive=True)
            return None
        if drain_seconds := self._supervision.drain_seconds:
            # Connections that wait to be accepted when the last socket is closed are reset. Whoever
            # connects now tries again in a second, and is refused.
            self.loop.call_later(drain_seconds, drop_new_connections, self._supervision.http)
            self.loop.call_later(drain_seconds + _UNHEARD_SECONDS, self.sockets.close_all)
            self.loop.call_later(drain_seconds + _UNHEARD_SECONDS, self._supervision.http.close)
        # Whatever else it is doing, as replacing workers: those are waited for, too.
        self._exclusive_running_command = None
        for _, process in self._workers():
            process.stopping = False
        return super().stop()

    def manage_watchers(self) -> Any:
        """Looks after the workers, unless they are being replaced or stopped."""
        idle = self._exclusive_running_command is None
        return super().manage_watchers() if idle else gen.maybe_future(None)

    @synchronized("arbiter_reload")  # type: ignore[untyped-decorator]
    @gen.coroutine
    def reload(self, graceful: bool = True, sequential: bool = False) -> Generator[Any, Any, None]:
        """Replaces all workers."""
        for watcher in self.iter_watchers():
            old = watcher.get_active_processes()
            for _ in range(watcher.numprocesses):
                watcher.spawn_process()
            new = [one for one in watcher.get_active_processes() if one not in old]
            ready = yield self._start(new)  # type: ignore[no-untyped-call]
            if self._stopping:
                return
            leaving = old if ready else new
            yield [watcher.kill_process(one, stop_signal=signal.SIGHUP) for one in leaving]
            for one in leaving:
                watcher.reap_process(one.pid)

    @gen.coroutine
    def _start(self, new: list[Process]) -> Generator[Any, None, bool]:
        """Waits until new workers are ready; returns whether all are."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._stopping and all(one.is_alive() for one in new):
            # One that cannot tell has had its time.
            if time.monotonic() > deadline or all(
                self._supervision.is_ready(one.pid) for one in new
            ):
                return True
            yield tornado_sleep(0.1)
        return False

    def _workers(self) -> Iterator[tuple[Watcher, Process]]:
        for watcher in self.iter_watchers():
            for process in list(watcher.processes.values()):
                yield watcher, process


def _become(made: CircusSocket, held: socket.socket) -> None:
    """Lets a socket that was made be one that is listening already."""
    held.setblocking(False)
    held.listen(made.backlog)
    os.dup2(held.fileno(), made.fileno(), inheritable=True)
    made.bind_and_listen = lambda: None
