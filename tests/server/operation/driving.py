"""Servers that are driven into trouble, and what is done to them."""

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import Server, wait_until

TOY, REAL = "tests.server.toy_service:Toy", "service:ModelServer"
DEADLINE_SECONDS = 15
ORIGIN = "https://console.example"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUEUE_ROWS = 8
TIMEOUT_SECONDS = 0.8

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
    """The real service with two workers."""


def sleep(server: Server, name: str, seconds: float, rows: int = 1) -> httpx.Response:
    """Sends rows that take the model some time."""
    content = [{"value": row, "name": name, "sleep": seconds} for row in range(rows)]
    return httpx.post(f"{server.url}/sleep", json={"rows": content}, timeout=30)


def computed(server: Server) -> list[str]:
    """Names of all rows that reached the model, in order."""
    batches = httpx.post(f"{server.url}/recorded", json={}, timeout=30).json()
    return [name for batch in batches for name in batch["names"]]


def wait(condition: Callable[[], bool], what: str) -> None:
    """Polls until a condition is true."""
    wait_until(condition, DEADLINE_SECONDS, what)


def start_sleeping(
    server: Server, background: ThreadPoolExecutor, seconds: float
) -> Future[httpx.Response]:
    """Occupies the model; returns when it is occupied."""
    name = uuid.uuid4().hex
    sleeping = background.submit(sleep, server, name, seconds)
    wait(lambda: name in computed(server), "the model was not occupied")
    return sleeping


Labels = Mapping[str, str]


class Scrape:
    """The samples of `/metrics` at one moment."""

    def __init__(self, server: Server) -> None:
        text = httpx.get(f"{server.url}/metrics", timeout=30).text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Sum of a metric over all samples with these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, label: str) -> set[str]:
        """All values of a label."""
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


def queued_rows(server: Server) -> float:
    """Rows waiting for the slow API."""
    return Scrape(server).total("model_server_queue_rows", route="/sleep")
