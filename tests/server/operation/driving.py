"""Servers that are driven into trouble, and what is done to them."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.processes import Server
from tests.server.watching import Scrape, wait

TOY = "tests.server.toy_service:Toy"
ORIGIN = "https://console.example"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUEUE_ROWS = 8
TIMEOUT_SECONDS = 0.8
PAUSE_SECONDS = 0.05

CONFIGURATION = f"""
services:
  toy:
    http:
      cors:
        enabled: true
        access_control_allow_origins: ["{ORIGIN}"]
        access_control_allow_methods: ["POST"]
        access_control_expose_headers: ["X-Request-ID"]
    tracing:
      exporter_type: in_memory
      sample_rate: 1.0
"""


@dataclass(frozen=True)
class Servers:
    """The servers of this module, each started once."""

    small: Server
    """The toy with room for few rows."""

    hasty: Server
    """The toy with a short time-out."""

    watched: Server
    """The toy with access log, CORS and tracing."""

    twins: Server
    """The session's own: the real service with two workers."""


def sleep(server: Server, name: str, seconds: float, rows: int = 1) -> httpx.Response:
    """Sends rows that take the model some time."""
    content = [{"value": row, "name": name, "sleep": seconds} for row in range(rows)]
    return httpx.post(f"{server.url}/sleep", json={"rows": content}, timeout=30)


def computed(server: Server) -> list[str]:
    """Names of all rows that reached the model, in order."""
    batches = httpx.post(f"{server.url}/recorded", json={}, timeout=30).json()
    return [name for batch in batches for name in batch["names"]]


def start_sleeping(
    server: Server, background: ThreadPoolExecutor, seconds: float
) -> Future[httpx.Response]:
    """Occupies the model; returns when it is occupied."""
    name = uuid.uuid4().hex
    sleeping = background.submit(sleep, server, name, seconds)
    wait(lambda: name in computed(server), "the model was not occupied")
    return sleeping


def queued_rows(server: Server) -> float:
    """Rows waiting for the slow API."""
    return Scrape(server).total("model_server_queue_rows", route="/sleep")


@contextlib.contextmanager
def traffic(*requests: Callable[[], object]) -> Iterator[None]:
    """Sends requests in turn, and again and again, while the block runs."""
    stopping = threading.Event()

    def send() -> None:
        while not stopping.wait(PAUSE_SECONDS):
            for request in requests:
                with contextlib.suppress(httpx.HTTPError):
                    request()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
