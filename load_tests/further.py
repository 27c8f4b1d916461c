"""Measurements beside the matrix, one worker: memory, batches, bulk, other protocols, tails."""

from typing import Any

from framework.adapters.bentoml import WORKER_MODULE
from load_tests import bulk, calls, company, steady, wrk
from load_tests.matrix import Effort, Progress
from load_tests.results import MIB, Results
from load_tests.roles import ASSIGNED
from load_tests.running import Running, Workload, started
from load_tests.scenarios import ONE
from load_tests.systems import SYSTEMS
from load_tests.watch import buckets, metrics

CONNECTIONS = 32
BESIDE = "empty"
"""The other system, which the tails are compared with."""


def measure(
    names: list[str], workload: Workload, effort: Effort, results: Results, progress: Progress
) -> None:
    """Measures a fresh `server` and what is beside it, and adds to `results.extras`.

    Args:
        names: Systems that were asked for, `server` among them.
        workload: The requests.
        effort: How long and how often.
        results: What was found so far.
        progress: Told what goes on.
    """
    wanted = {"server", BESIDE, *(name for name in names if calls.is_called(SYSTEMS[name]))}
    systems = [SYSTEMS[name] for name in names if name in wanted]
    with started(systems, 1, workload) as running:
        server = running["server"]
        progress(f"memory: at rest, and after {effort.memory_requests:,} requests")
        results.extras["memory"] = memory(server, effort.memory_requests)
        progress("batch sizes under load")
        results.extras["batches"] = batches(server, effort.batch_seconds)
        if ASSIGNED["table"]:
            progress("bulk: columns, records, and the library alone")
            results.extras["bulk"] = bulk.measure(server, workload, effort.bulk_repeats)
            results.extras["company"] = company.measure(server, workload, effort, progress)
        results.extras["calls"] = calls.measure(running.values(), effort, progress)
        beside = running.get(BESIDE)
        results.extras["steady"] = steady.measure(server, beside, effort, progress)


def steps(names: list[str], effort: Effort) -> int:
    """How often `measure` reports progress, at most."""
    return 3 + 2 * effort.steady_rounds + effort.rounds * (len(names) + 1)


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
