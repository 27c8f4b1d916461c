"""Small requests beside another client's large ones: what one client's bulk costs the others."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from load_tests import bulk, open_loop
from load_tests.matrix import Effort, Progress
from load_tests.results import quantiles
from load_tests.running import HOST, Running, Workload
from load_tests.scenarios import ONE

ROWS = 10_000
"""Rows of a large request, the most that are let in."""

RATE = 500.0
"""One-row requests a second: far from the maximum, so that only the company counts."""

CONNECTIONS = 32
PROBES = ("/livez", "/readyz", "/metrics")
PROBE_SECONDS = 0.02
_TIMEOUT_SECONDS = 60


def measure(
    server: Running, workload: Workload, effort: Effort, progress: Progress
) -> dict[str, Any]:
    """Latency of one-row requests, alone and in company, and of probes meanwhile.

    One client sends large requests one after the other, in JSON and in binary columns in turn.
    """
    rows = bulk.many_rows(workload)[:ROWS]
    large = [bulk.records(rows), bulk.columns(rows)]
    small = server.bodies(ONE).read_bytes().splitlines()
    found: dict[str, Any] = {"rows": ROWS, "rate": RATE, "problems": []}
    seconds, rounds = effort.company_seconds, effort.steady_rounds
    alone, beside, sent = [], [], 0
    probes: dict[str, list[float]] = {path: [] for path in PROBES}
    for number in range(rounds):
        progress(f"one row alone and beside {ROWS:,} rows, round {number + 1}")
        alone.append(_small(server, small, seconds, found))
        with _going_on(_each(large, server)) as answered, _probing(server, probes):
            beside.append(_small(server, small, seconds, found))
        sent += len(answered)
    server.process.require_running()
    return found | {
        "alone_ms": _medians(alone),
        "beside_ms": _medians(beside),
        "beside_p99_ms_of_rounds": [one["p99"] for one in beside],
        "probes_ms": {path: quantiles(values) for path, values in probes.items()},
        "large_requests": sent,
    }


def _small(
    server: Running, bodies: list[bytes], seconds: int, found: dict[str, Any]
) -> dict[str, float]:
    seen = open_loop.run(server.url(ONE), bodies, RATE, seconds, CONNECTIONS)
    if bad := {name: count for name, count in seen.statuses().items() if name != "200"}:
        found["problems"].append(f"answers other than 200: {bad}")
    return quantiles(seen.latencies(200))


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    ranked = sorted(rounds, key=lambda one: one["p99"])
    return ranked[len(ranked) // 2]


def _each(requests: list[tuple[str, bytes, bulk.Headers]], server: Running) -> Callable[[int], Any]:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=_TIMEOUT_SECONDS)
    return lambda number: bulk.ask(connection, *requests[number % len(requests)])


@contextlib.contextmanager
def _going_on(ask: Callable[[int], Any], pause: float = 0.0) -> Iterator[list[float]]:
    """Asks one thing after the other while the block runs; yields the seconds that each took.

    Raises:
        OSError, RuntimeError: What `ask` raised, once the block has ended.
    """
    seconds: list[float] = []
    failed: list[Exception] = []
    ended = threading.Event()

    def go_on() -> None:
        try:
            while not ended.wait(pause):
                began = time.perf_counter()
                ask(len(seconds))
                seconds.append(time.perf_counter() - began)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            failed.append(error)

    thread = threading.Thread(target=go_on, name="company")
    thread.start()
    try:
        yield seconds
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


@contextlib.contextmanager
def _probing(server: Running, seconds: dict[str, list[float]]) -> Iterator[None]:
    """Asks for each probe over a connection of its own, again and again."""
    with contextlib.ExitStack() as stack:
        found = {
            path: stack.enter_context(_going_on(partial(_probe, server, path), PROBE_SECONDS))
            for path in seconds
        }
        yield
    for path, values in found.items():
        seconds[path] += values


def _probe(server: Running, path: str, _: int) -> None:
    # As kubelets and Prometheus do: a new connection every time.
    with contextlib.closing(
        http.client.HTTPConnection(HOST, server.port, timeout=_TIMEOUT_SECONDS)
    ) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}")
