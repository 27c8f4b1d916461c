"""Answers of a server with a bound on the time and the memory that each may take."""

import gzip
import re
import time
import zlib
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import grpc

from tests.processes import Server
from tests.server.fuzz.probe import LONG_SECONDS, Probe

T = TypeVar("T")

SECONDS = 10
"""More than any answer takes, even on a busy machine; what never ends takes longer."""

BODY_LIMIT = 16 * 2**20
"""Largest body by the settings, compressed or not."""

# What is this small is answered at once; before what is larger the worker gives back what it has
# freed.
_SMALL, _SMALL_SECONDS = 100_000, 1
_TIMES_ITS_SIZE = 10
# What a worker's memory varies by, whatever it is asked.
_SLACK = 8 * 2**20
# Other processes cost time, and what a thread does later costs memory; no request does each time.
_TRIES = 3
_IDLE_SECONDS = 1
# Kept at the end: what gRPC's threads have of a heap, and connections that are open.
_MORE_MEMORY, _MORE_DESCRIPTORS = 32 * 2**20, 16
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
}
COMPRESSIONS = list(grpc.Compression)
REFUSED = {400, 404, 405, 411, 413, 415, 431, 501}


class Watch:
    """A server that is asked one thing after another.

    Args:
        server: The server.
        key: What it wants to be shown.
        probe: What its event loop tells.
    """

    def __init__(self, server: Server, key: str, probe: Probe) -> None:
        self.key = key
        self.url = server.url.removeprefix("http://")
        self._probe = probe
        self._http = HTTPConnection(self.url, timeout=SECONDS)
        self._answered = 0.0
        self._channel = grpc.insecure_channel(server.grpc)
        self._worker = max(server.family(), key=lambda one: one.memory_info().rss)
        self._proc = Path(f"/proc/{self._worker.pid}")
        self._before = self._memory("VmRSS")
        self._descriptors = self._worker.num_fds()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()
        self._channel.close()

    def _memory(self, name: str) -> int:
        """Returns bytes of the worker's memory: `VmRSS`, or their peak, `VmHWM`."""
        found = re.search(
            rf"^{name}:\s+(\d+) kB$", (self._proc / "status").read_text(), re.MULTILINE
        )
        assert found is not None
        return 1024 * int(found[1])

    def asked(self, size: int, ask: Callable[[], T]) -> T:
        """Returns what comes of asking, and bounds what it may take: the best of some tries.

        Args:
            size: Bytes that the server is to read, once they are decompressed.
            ask: Asks, and reads the answer.
        """
        excess = ""
        for _ in range(_TRIES):
            found, excess = self._measured(size, ask)
            if not excess:
                return found
        raise AssertionError(f"A request of {size:,} bytes took {excess}")

    def _measured(self, size: int, ask: Callable[[], T]) -> tuple[T, str]:
        """Returns what comes of asking, and what of it takes too much."""
        if size > _SMALL:
            self._probe.return_memory()
        # From now on the peak is a new one.
        (self._proc / "clear_refs").write_text("5")
        before, started = self._memory("VmRSS"), time.monotonic()
        found = ask()
        seconds = time.monotonic() - started
        # What takes so much CPU time on two cores takes half of it at least.
        turn = self._probe.longest_turn() if seconds > LONG_SECONDS / 2 else 0
        memory = self._memory("VmHWM") - before
        if memory > _TIMES_ITS_SIZE * size + _SLACK:
            return found, f"{memory:,} bytes of memory"
        if turn:
            return found, f"a turn of the event loop of {turn:.3f} s"
        if seconds > (_SMALL_SECONDS if size <= _SMALL else SECONDS):
            return found, f"{seconds:.1f} s"
        return found, ""

    def post(
        self, path: str, body: bytes, headers: dict[str, str], encoding: str = ""
    ) -> tuple[int, bytes]:
        """Posts a body; returns status and content of the answer.

        Args:
            path: Where.
            body: The body.
            headers: Beside the key.
            encoding: Its compression, of `ENCODINGS`.
        """
        if encoding:
            headers = {**headers, "Content-Encoding": encoding}
        sent = ENCODINGS[encoding](body)
        return self.asked(_size(body), lambda: self._ask("POST", path, sent, headers))

    def call(
        self,
        method: str,
        message: bytes,
        compression: grpc.Compression = grpc.Compression.NoCompression,
    ) -> grpc.StatusCode:
        """Calls a gRPC method with a message as bytes; returns the status."""
        ask: Any = self._channel.unary_unary(method)

        def called() -> grpc.StatusCode:
            try:
                ask(
                    message,
                    timeout=SECONDS,
                    metadata=[("x-api-key", self.key)],
                    compression=compression,
                )
            except grpc.RpcError as error:
                status: Any = error
                found: grpc.StatusCode = status.code()
                return found
            return grpc.StatusCode.OK

        return self.asked(_size(message), called)

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
        self._probe.return_memory()
        more = self._memory("VmRSS") - self._before
        assert more < _MORE_MEMORY, f"{more:,} bytes more"
        assert self._worker.num_fds() - self._descriptors < _MORE_DESCRIPTORS


def _size(body: bytes) -> int:
    """Returns how much of a body is read: never more than the limit."""
    return min(len(body), BODY_LIMIT)
