"""The matrix: every cell in several interleaved rounds, so that drift of the machine hits all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

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

    company_seconds: int
    repeats: int
    """How often a round of a cell may be measured again in all, because its pace was not even."""


FULL = Effort(5, 2, 1, 3, 8, 60, 1_000_000, 20, 2, 5, 12)
QUICK = Effort(2, 1, 0, 1, 3, 4, 20_000, 3, 0, 2, 0)
UNEVEN = 1.3
"""Slowest over fastest pace of the machine, from which on a round of a cell says nothing."""


def measure(
    plan: dict[Cell, list[str]],
    workload: Workload,
    effort: Effort,
    results: Results,
    progress: Progress,
) -> None:
    """Measures all cells of a plan, and adds what was found to `results`.

    A round of a cell in which the machine's pace was uneven is measured again, and the evener one
    of the two counts.
    """
    rounds, repeated, uneven = 0, 0, []
    for workers in sorted({cell.workers for cell in plan}):
        cells = {cell: names for cell, names in plan.items() if cell.workers == workers}
        wanted = {name for names in cells.values() for name in names}
        systems = [system for name, system in SYSTEMS.items() if name in wanted]
        progress(f"starting {len(systems)} systems, workers: {workers}")
        with started(systems, workers, workload) as running:
            for number in range(1, effort.rounds + 1):
                for cell, names in cells.items():
                    order = [running[name] for name in _rotated(names, number)]
                    measured = partial(_round, order, cell, number, effort)
                    kept = evened(measured, progress, again=repeated < effort.repeats)
                    rounds, repeated = rounds + 1, repeated + kept.repeated
                    if kept.unevenness > UNEVEN:
                        uneven.append(f"{cell}, round {number}: {kept.unevenness:.2f}")
                    results.measurements += kept.measurements
    results.extras["pace"] = {"rounds": rounds, "repeated": repeated, "uneven": uneven}


@dataclass(frozen=True)
class Round:
    """One round of a cell."""

    measurements: list[Measurement]
    """One of each system."""

    unevenness: float
    """The machine's slowest pace over its fastest meanwhile."""

    repeated: bool = False


def evened(measured: Callable[[Progress], Round], progress: Progress, *, again: bool) -> Round:
    """Measures a round; an uneven one `again`, if that is allowed: the evener of the two counts."""
    first = measured(progress)
    if first.unevenness <= UNEVEN or not again:
        return first
    second = measured(lambda _: None)
    return replace(min(first, second, key=lambda one: one.unevenness), repeated=True)


def steps(plan: dict[Cell, list[str]], effort: Effort) -> int:
    """How often `measure` reports progress."""
    starts = len({cell.workers for cell in plan})
    return starts + effort.rounds * sum(len(names) for names in plan.values())


def _rotated(names: list[str], number: int) -> list[str]:
    """Another system goes first in every round: none always runs on a machine already warm."""
    first = (number - 1) % len(names)
    return names[first:] + names[:first]


def _round(
    order: list[Running], cell: Cell, number: int, effort: Effort, progress: Progress
) -> Round:
    """Measures the systems one after the other."""
    found = []
    for running in order:
        progress(f"round {number}: {running.system.name}, {cell}")
        found.append(_one(running, cell, number, effort))
    paces = [*(one.pace_ms for one in found), pace.milliseconds()]
    return Round(found, max(paces) / min(paces))


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
