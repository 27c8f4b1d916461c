"""Uvicorn's insides: a server that loses no request when it stops, and stops in bounded time."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Protocol

import uvicorn
from uvicorn.protocols.http.flow_control import CLOSE_HEADER

from framework.adapters.bentoml import WORKER_MODULE
from framework.adapters.uvicorn_acceptor import Acceptor, Sharing
from framework.adapters.uvicorn_connection import Connection, Direct
from framework.connections import OpenConnections

GRACE_SECONDS = 0.5
"""How long, at most, a connection that is idle when the server stops may still bring a request:
one may be on its way."""

_CHECK_SECONDS = 1.0
# What it takes until those who waited in line are among the connections.
_OPEN_SECONDS = 0.05


class Stopping(Sharing, Protocol):
    """What a worker does when it is told to stop."""

    drain_seconds: float
    """Time from the first sign to the closing of the socket."""

    direct: dict[str, Direct]
    """Path → who may answer what is posted to it, ahead of the application."""

    headers: list[tuple[str, str]]
    """Headers of every answer."""

    tls: Callable[[], ssl.SSLContext] | None
    """Tells by what the next connection is encrypted; None: always by what is configured."""

    def started(self) -> None:
        """Begins to serve; called on the event loop."""

    def told_to_stop(self) -> None:
        """Hears of every signal to stop, at any time; called by a signal handler."""

    def drain(self) -> None:
        """Tells those who ask that they should turn elsewhere; called on the event loop."""

    def stop(self) -> None:
        """Begins to end; called on the event loop."""


def serve_by(stopping: Stopping) -> None:
    """Has BentoML's worker, if this process is one, serve by `Server`."""
    main = sys.modules["__main__"].__spec__
    if main is not None and main.name == WORKER_MODULE:
        # Which it looks up when the application has been made.
        uvicorn.Server = partial(Server, stopping)  # type: ignore[assignment, misc]


def _same(context: ssl.SSLContext) -> ssl.SSLContext:
    return context


class Server(uvicorn.Server):
    """Uvicorn's server, which drains on SIGTERM.

    From SIGTERM on every answer closes its connection, while new connections are accepted; after
    the drain time it stops to listen, answers what has come, and ends, at the latest when a
    request may last no longer. A second SIGTERM does not wait. On SIGHUP it leaves new connections
    to other workers at once, and goes on like that.

    Args:
        stopping: What there is to do beside.
        config: Uvicorn's configuration.
    """

    def __init__(self, stopping: Stopping, config: uvicorn.Config) -> None:
        config.http = Connection
        config.headers = [*config.headers, *stopping.headers]
        if config.timeout_graceful_shutdown is None:
            config.timeout_graceful_shutdown = int(stopping.timeout_seconds) + 1
        # Which is in whole seconds for uvicorn's own; `Connection` has no timer for it.
        config.timeout_keep_alive = stopping.limits.idle_seconds  # type: ignore[assignment]
        super().__init__(config)
        self._stopping = stopping
        self._leaving = self._retired = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._acceptors: list[Acceptor] = []
        self._are_open = OpenConnections()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application, then listens."""
        if sockets is None:
            await super().startup()
            return
        # It is given no socket: libuv accepts one connection in each turn of the loop.
        await super().startup(sockets=[])
        self._loop = asyncio.get_running_loop()
        signal.signal(signal.SIGHUP, self._retire)
        tls, configured = self._stopping.tls, self.config.ssl
        if tls is None and configured is not None:
            tls = partial(_same, configured)
        for one in sockets:
            acceptor = Acceptor(one, tls, self._connection, self._stopping, self._are_open)
            self._acceptors.append(acceptor)
        self._check(self._loop)
        self._stopping.started()

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        seconds = self._stopping.timeout_seconds
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.check(loop.time(), seconds)
        loop.call_later(min(_CHECK_SECONDS, seconds / 4), self._check, loop)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handles SIGTERM and SIGINT."""
        self._stopping.told_to_stop()
        if sig != signal.SIGTERM or self._loop is None or not self._stopping.drain_seconds:
            super().handle_exit(sig, frame)
        elif not self._leaving:
            self._leaving = True
            self._loop.call_soon_threadsafe(self._drain, self._loop)
        elif self._retired:
            # The master tells those that it is replacing, too, when it stops.
            self._retired = False
        else:
            self.force_exit = True
            super().handle_exit(sig, frame)

    def _retire(self, sig: int, frame: FrameType | None) -> None:
        if not self._leaving:
            for acceptor in self._acceptors:
                acceptor.close()
            self.handle_exit(signal.SIGTERM, frame)
            self._retired = True

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        # The lists that requests under way have, too.
        self.server_state.default_headers.append(CLOSE_HEADER)
        self.config.encoded_headers.append(CLOSE_HEADER)
        self._stopping.drain()
        loop.call_later(self._stopping.drain_seconds, super().handle_exit, signal.SIGTERM, None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops to listen, and waits for the requests under way."""
        self._stopping.stop()
        if not self.force_exit:
            await asyncio.sleep(min(GRACE_SECONDS, self._stopping.drain_seconds))
        waiting = sum(acceptor.end() for acceptor in self._acceptors)
        if waiting:
            await asyncio.sleep(_OPEN_SECONDS)
        await super().shutdown(sockets)

    def _connection(self) -> asyncio.Protocol:
        return Connection(
            direct=self._stopping.direct,
            most_head_bytes=self._stopping.limits.head_bytes,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=self._loop,
        )
