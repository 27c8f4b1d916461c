"""Answers of a server with a bound on the time and the memory that each may take."""

import contextlib
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import grpc

from tests.processes import Server

SECONDS = 10
"""Far more than any answer takes, even on a busy machine; what never ends takes longer."""

TIMES_ITS_SIZE = 10
# What a worker's memory varies by, whatever it is asked.
_SLACK = 128 * 2**20
_IDLE_SECONDS = 1
# Connections that are open at this moment, and what gRPC opens for its first calls.
_MORE_DESCRIPTORS = 32
REFUSED = {400, 404, 405, 411, 413, 415, 431, 501}


class Watch:
    """A server that is asked one thing after another.

    Args:
        server: The server.
        key: What it wants to be shown.
    """

    def __init__(self, server: Server, key: str) -> None:
        self.key = key
        self.url = server.url.removeprefix("http://")
        self._server = server
        self._http = HTTPConnection(self.url, timeout=SECONDS)
        self._answered = 0.0
        self._channel = grpc.insecure_channel(server.grpc)
        self._worker = max(server.family(), key=lambda one: one.memory_info().rss)
        self._before = self._memory
        self._descriptors = self._worker.num_fds()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()
        self._channel.close()

    @property
    def _memory(self) -> int:
        return int(self._worker.memory_info().rss)

    @contextlib.contextmanager
    def asked(self, size: int) -> Iterator[None]:
        """Bounds what a request of so many bytes may take."""
        started, before = time.monotonic(), self._memory
        yield
        assert time.monotonic() - started < SECONDS
        assert self._memory - before < TIMES_ITS_SIZE * size + _SLACK

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Posts a body; returns status and content of the answer."""
        with self.asked(len(body)):
            return self._ask("POST", path, body, headers)

    def call(self, method: str, message: bytes) -> grpc.StatusCode:
        """Calls a gRPC method with a message as bytes; returns the status."""
        ask: Any = self._channel.unary_unary(method)
        with self.asked(len(message)):
            try:
                ask(message, timeout=SECONDS, metadata=[("x-api-key", self.key)])
            except grpc.RpcError as error:
                status: Any = error
                found: grpc.StatusCode = status.code()
                return found
        return grpc.StatusCode.OK

    def require_alive(self) -> None:
        """Makes sure that the server answers, and is the one that it was."""
        assert self._ask("GET", "/livez", b"", {})[0] == 200
        assert self._worker.is_running()

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        # The server closes a connection that is idle for some seconds.
        if time.monotonic() - self._answered > _IDLE_SECONDS:
            self._http.close()
        try:
            self._http.request(method, path, body, {"X-API-Key": self.key, **headers})
            answer = self._http.getresponse()
            content = answer.read()
        except BaseException:
            # The next request begins anew.
            self._http.close()
            raise
        self._answered = time.monotonic()
        return answer.status, content

    def require_memory_given_back(self) -> None:
        """Makes sure that the server is not much larger than it was at first."""
        self.require_alive()
        assert self._memory - self._before < _SLACK
        assert self._worker.num_fds() - self._descriptors < _MORE_DESCRIPTORS
