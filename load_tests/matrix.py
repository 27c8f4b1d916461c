"""The matrix: every cell in several interleaved rounds, so that drift of the machine hits all."""

from collections.abc import Callable
from dataclasses import dataclass

from load_tests import pace, wrk
from load_tests.cells import Cell
from load_tests.results import Measurement, Results
from load_tests.running import Running, Sample, Workload, started
from load_tests.scenarios import SCENARIOS
from load_tests.systems import SYSTEMS

Progress = Callable[[str], None]
# Apart, so that two neighbouring runs do not send the same bodies at the same time.
STRIDE = 97


@dataclass(frozen=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    seconds: int
    warm_up: int
    steady_rounds: int
    steady_seconds: int
    overload_seconds: int
    memory_requests: int
    bulk_repeats: int
    batch_seconds: int
    """At each number of connections; 0 leaves the batches out."""


FULL = Effort(5, 3, 1, 5, 12, 60, 1_000_000, 20, 3)
QUICK = Effort(2, 1, 0, 1, 3, 4, 20_000, 3, 0)


def measure(
    plan: dict[Cell, list[str]],
    workload: Workload,
    effort: Effort,
    results: Results,
    progress: Progress,
) -> None:
    """Measures all cells of a plan, and adds what was found to `results`."""
    for workers in sorted({cell.workers for cell in plan}):
        cells = {cell: names for cell, names in plan.items() if cell.workers == workers}
        wanted = {name for names in cells.values() for name in names}
        systems = [system for name, system in SYSTEMS.items() if name in wanted]
        progress(f"starting {len(systems)} systems, workers: {workers}")
        with started(systems, workers, workload) as running:
            for number in range(1, effort.rounds + 1):
                for cell, names in cells.items():
                    for name in _rotated(names, number):
                        progress(f"round {number}: {name}, {cell}")
                        results.measurements.append(_one(running[name], cell, number, effort))


def steps(plan: dict[Cell, list[str]], effort: Effort) -> int:
    """How often `measure` reports progress."""
    starts = len({cell.workers for cell in plan})
    return starts + effort.rounds * sum(len(names) for names in plan.values())


def _rotated(names: list[str], number: int) -> list[str]:
    """Another system goes first in every round: none always runs on a machine already warm."""
    first = (number - 1) % len(names)
    return names[first:] + names[:first]


def _one(running: Running, cell: Cell, number: int, effort: Effort) -> Measurement:
    scenario = SCENARIOS[cell.scenario]
    url, bodies = running.url(scenario), running.bodies(scenario)
    start = number * STRIDE
    if effort.warm_up:
        wrk.run(url, bodies, cell.connections, effort.warm_up, start)
    pace_ms = pace.milliseconds()
    with running.sampling(scenario, start) as samples:
        seen = wrk.run(url, bodies, cell.connections, effort.seconds, start + STRIDE)
    running.process.require_running()
    return Measurement(
        system=running.system.name,
        cell=cell,
        round=number,
        seconds=seen.seconds,
        requests=seen.requests,
        rate=seen.rate,
        latency=seen.latency,
        errors=seen.errors,
        checked=len(samples),
        problems=_problems(running, samples),
        pace_ms=pace_ms,
    )


def _problems(running: Running, samples: list[Sample]) -> list[str]:
    if not samples:
        return ["no answer could be sampled"]
    return [problem for sample in samples if (problem := running.problem(sample))]
