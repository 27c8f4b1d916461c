"""A Redis of a test's own, on the loopback interface."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import redis

from deploy.processes import free_port, wait_until
from tests.tools import require_tool

DEADLINE_SECONDS = 20


class RedisServer:
    """A server that can be ended and started again.

    Args:
        folder: Where it runs.

    Attributes:
        url: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [require_tool("redis-server"), "--port", str(self._port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, DEADLINE_SECONDS, "Redis")

    def kill(self) -> None:
        """Ends it at once, with all that it knows."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RedisServer]:
    """Starts a server on a free port, and ends it afterwards."""
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
