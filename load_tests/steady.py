"""Latency at a fixed share of the server's maximum, beside `empty` at the same rate."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

import numpy as np

from load_tests import open_loop, pace, wrk
from load_tests.matrix import Effort, Progress
from load_tests.results import quantiles
from load_tests.running import Running
from load_tests.scenarios import ONE
from load_tests.watch import watching

CONNECTIONS = 32
SHARE = 0.6
# A look at `/metrics` holds the worker up for some 10 ms; Prometheus takes one every 15 to 60 s.
WATCH_SECONDS = 5.0
# What may wait at any moment: the arrivals of this time.
QUEUE_SECONDS = 0.01


def measure(
    server: Running, empty: Running | None, effort: Effort, progress: Progress
) -> dict[str, Any]:
    """Latency at a fixed rate, and whether the queue keeps growing.

    Several rounds, each after a look at what the maximum is at that time. Ratios are taken within a
    round; the round with the median 99th percentile stands for all.
    """
    rounds = []
    for number in range(effort.steady_rounds):
        maximum = wrk.run(server.url(ONE), server.bodies(ONE), CONNECTIONS, effort.seconds).rate
        offered = SHARE * maximum
        progress(f"open loop, round {number + 1}: {offered:,.0f}/s, {SHARE:.0%} of the maximum")
        before = pace.milliseconds()
        limit: dict[str, float] = {}
        if empty is not None and number % 2:
            limit = _limit(empty, offered, effort.steady_seconds)
        found = _offered(server, offered, effort.steady_seconds)
        if empty is not None and not number % 2:
            limit = _limit(empty, offered, effort.steady_seconds)
        rounds.append(
            {
                "maximum": maximum,
                "pace_ms": [before, pace.milliseconds()],
                "empty_ms": limit,
                **found,
            }
        )
    return _summary(rounds)


def _summary(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ranked = sorted(rounds, key=lambda found: found["latency_ms"]["p99"])
    over = [
        found["latency_ms"]["p99"] / found["empty_ms"]["p99"]
        for found in rounds
        if found["empty_ms"]
    ]
    return {
        **ranked[len(ranked) // 2],
        "p99_ms_of_rounds": [found["latency_ms"]["p99"] for found in rounds],
        "p99_over_empty": median(over) if over else None,
        "p99_over_empty_of_rounds": over,
        "pace_ms_of_rounds": [found["pace_ms"] for found in rounds],
        "queue_grows": any(found["queue_grows"] for found in rounds),
        "problems": [problem for found in rounds for problem in found["problems"]],
    }


def _limit(empty: Running, offered: float, seconds: int) -> dict[str, float]:
    return quantiles(_seen(empty, offered, seconds).latencies(200))


def _seen(running: Running, offered: float, seconds: int) -> open_loop.Opened:
    bodies = running.bodies(ONE).read_bytes().splitlines()
    return open_loop.run(running.url(ONE), bodies, offered, seconds, CONNECTIONS)


def _offered(server: Running, offered: float, seconds: int) -> dict[str, Any]:
    """What a server makes of requests at a fixed rate."""
    interval = min(WATCH_SECONDS, seconds / 4)
    with (
        server.sampling(ONE, 0) as samples,
        watching(server.process, server.port, server.dialect(ONE).path, interval) as watched,
    ):
        seen = _seen(server, offered, seconds)
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
