"""Measurements of `server` alone, one worker: steady load, batch sizes, memory."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from framework.adapters.bentoml import WORKER_MODULE
from load_tests import open_loop, pace, wrk
from load_tests.matrix import Effort, Progress
from load_tests.open_loop import Opened
from load_tests.results import Results
from load_tests.running import Running, Workload, started
from load_tests.scenarios import ONE
from load_tests.systems import OWN
from load_tests.watch import buckets, metrics, watching

CONNECTIONS = 32
SHARE = 0.6
# A look at `/metrics` holds the worker up for some 10 ms; Prometheus takes one every 15 to 60 s.
WATCH_SECONDS = 5.0
MIB = 2**20
# What may wait at any moment: the arrivals of this time.
QUEUE_SECONDS = 0.01


def measure(workload: Workload, effort: Effort, results: Results, progress: Progress) -> None:
    """Measures a fresh `server`, and adds what was found to `results.extras`."""
    with started([OWN["server"]], 1, workload) as running:
        server = running["server"]
        progress(f"memory: at rest, and after {effort.memory_requests:,} requests")
        results.extras["memory"] = memory(server, effort.memory_requests)
        progress("batch sizes under load")
        results.extras["batches"] = batches(server, effort.batch_seconds)
        results.extras["steady"] = steady(server, effort, progress)


def memory(server: Running, requests: int) -> dict[str, Any]:
    """Memory of the worker at rest, on the way, and after many requests."""
    url, bodies = server.url(ONE), server.bodies(ONE)
    rest = server.process.resident_bytes(WORKER_MODULE)
    samples = {"0": rest / MIB}
    done, failed, spent = 0, 0, 0.0
    while done < requests:
        seconds = 1 if done == 0 else max(1, min(10, int((requests - done) / (done / spent)) + 1))
        seen = wrk.run(url, bodies, CONNECTIONS, seconds)
        done, failed, spent = done + seen.requests, failed + seen.failed, spent + seen.seconds
        samples[str(done)] = server.process.resident_bytes(WORKER_MODULE) / MIB
        server.process.require_running()
    after = server.process.resident_bytes(WORKER_MODULE)
    return {
        "rest_mib": rest / MIB,
        "after_mib": after / MIB,
        "growth": after / rest - 1,
        "requests": done,
        "rate": done / spent,
        "samples_mib": samples,
        "problems": [f"{failed} requests failed"] if failed else [],
    }


def batches(server: Running, seconds: int) -> dict[str, Any]:
    """Sizes of the batches that form at several numbers of connections."""
    found: dict[str, Any] = {}
    for connections in (1, 32, 128) if seconds else ():
        before = metrics(server.port)
        wrk.run(server.url(ONE), server.bodies(ONE), connections, seconds)
        found[str(connections)] = buckets(
            before, metrics(server.port), "model_server_batch_rows", server.dialect(ONE).path
        )
    return {"connections": found}


def steady(server: Running, effort: Effort, progress: Progress) -> dict[str, Any]:
    """Latency at a fixed share of the maximum, and whether the queue keeps growing.

    Several rounds, each after a look at what the maximum is at that time; the one with the median
    99th percentile stands for all.
    """
    bodies = server.bodies(ONE).read_bytes().splitlines()
    rounds = []
    for number in range(effort.steady_rounds):
        maximum = wrk.run(server.url(ONE), server.bodies(ONE), CONNECTIONS, effort.seconds).rate
        offered = SHARE * maximum
        progress(f"open loop, round {number + 1}: {offered:,.0f}/s, {SHARE:.0%} of the maximum")
        before = pace.milliseconds()
        found = _offered(server, bodies, offered, effort.steady_seconds)
        rounds.append({"maximum": maximum, "pace_ms": [before, pace.milliseconds()], **found})
    ranked = sorted(rounds, key=lambda found: found["latency_ms"]["p99"])
    return {
        **ranked[len(ranked) // 2],
        "p99_ms_of_rounds": [found["latency_ms"]["p99"] for found in ranked],
        "pace_ms_of_rounds": [found["pace_ms"] for found in ranked],
        "queue_grows": any(found["queue_grows"] for found in rounds),
        "problems": [problem for found in rounds for problem in found["problems"]],
    }


def _offered(
    server: Running, bodies: Sequence[bytes], offered: float, seconds: int
) -> dict[str, Any]:
    """What a server makes of requests at a fixed rate."""
    interval = min(WATCH_SECONDS, seconds / 4)
    with (
        server.sampling(ONE, 0) as samples,
        watching(server.process, server.port, server.dialect(ONE).path, interval) as watched,
    ):
        seen = open_loop.run(server.url(ONE), bodies, offered, seconds, CONNECTIONS)
    half = len(watched.queue_rows) // 2
    first, second = watched.queue_rows[:half] or [0.0], watched.queue_rows[half:] or [0.0]
    wrong = [problem for sample in samples if (problem := server.problem(sample))]
    bad = {name: count for name, count in seen.statuses().items() if name != "200"}
    return {
        **asdict(watched),
        "offered": offered,
        "answered": seen.count(200) / seconds,
        "latency_ms": quantiles(seen.latencies(200)),
        "most_waiting_for_a_connection": seen.most_waiting,
        "queue_first_half": float(np.mean(first)),
        "queue_second_half": float(np.mean(second)),
        "queue_grows": bool(np.mean(second) > np.mean(first) + QUEUE_SECONDS * offered),
        "checked": len(samples),
        "problems": [f"answers other than 200: {bad}"] * bool(bad) + wrong[:3],
    }


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Percentile → milliseconds."""
    if not seconds:
        return {}
    shares = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
    return {
        name: 1000 * float(value)
        for name, value in zip(shares, np.percentile(seconds, list(shares.values())), strict=True)
    }


def by_second(seen: Opened, status: int) -> list[int]:
    """Number of answers with a status that arrived in each second of a run."""
    arrivals = [int(one.due + one.seconds) for one in seen.answers if one.status == status]
    return np.bincount(arrivals, minlength=int(seen.seconds)).tolist() if arrivals else []
