"""What was measured, and the medians, ranges and ratios taken from it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np

from load_tests.cells import Cell

MIB = 2**20


@dataclass(frozen=True)
class Measurement:
    """One system in one situation in one round."""

    system: str
    cell: Cell
    round: int
    seconds: float
    requests: int
    rate: float
    """Good answers a second."""

    latency: dict[str, float]
    """Percentile → milliseconds."""

    errors: dict[str, int]
    checked: int
    """Answers that were compared with the framework's own."""

    problems: list[str] = field(default_factory=list)
    """What was wrong with those answers."""

    pace_ms: float = 0.0
    """What a fixed piece of work took just before; see `load_tests.pace`."""

    @property
    def failed(self) -> int:
        """Requests without a good answer, as far as they were noticed."""
        return sum(self.errors.values()) + len(self.problems)


@dataclass(frozen=True)
class Spread:
    """Median and range over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Of at least one value."""
        return cls(median(values), min(values), max(values))

    def show(self, digits: int) -> str:
        """As text: the median and, in brackets, the range."""
        low, high = f"{self.low:,.{digits}f}", f"{self.high:,.{digits}f}"
        return f"{self.median:,.{digits}f} ({low} to {high})"


class Results:
    """All measurements of a run."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []
        self.extras: dict[str, Any] = {}
        """Name of a further measurement → what it found, as JSON."""

    def of(self, system: str, cell: Cell) -> list[Measurement]:
        """The rounds of one system in one situation."""
        return [one for one in self.measurements if one.system == system and one.cell == cell]

    def spread(
        self, system: str, cell: Cell, value: Callable[[Measurement], float]
    ) -> Spread | None:
        """Median and range of a value; nothing if it was not measured."""
        values = [value(one) for one in self.of(system, cell)]
        return Spread.of(values) if values else None

    def ratio(
        self,
        over: tuple[str, Cell, Callable[[Measurement], float]],
        under: tuple[str, Cell, Callable[[Measurement], float]],
    ) -> Spread | None:
        """Median and range of the ratio of two values, each taken within one round."""
        first = {one.round: over[2](one) for one in self.of(*over[:2])}
        second = {one.round: under[2](one) for one in self.of(*under[:2])}
        ratios = [first[each] / second[each] for each in first if second.get(each)]
        return Spread.of(ratios) if ratios else None

    def failures(self) -> list[str]:
        """Every measurement with a wrong answer or without a good one, in words."""
        found = []
        for one in self.measurements:
            if one.failed:
                counts = [f"{count} {kind}" for kind, count in one.errors.items() if count]
                told = [*counts, *one.problems[:1]]
                found.append(f"{one.system}, {one.cell}, round {one.round}: {'; '.join(told)}")
        for name, extra in self.extras.items():
            found += [f"{name}: {problem}" for problem in extra.get("problems", [])]
        return found

    def json(self) -> dict[str, Any]:
        """All of it, for the raw file."""
        return {
            "measurements": [asdict(one) for one in self.measurements],
            "extras": self.extras,
        }


def rate(one: Measurement) -> float:
    """Good answers a second."""
    return one.rate


def percentile(name: str) -> Callable[[Measurement], float]:
    """Returns the function that takes a percentile, in milliseconds."""
    return lambda one: one.latency[name]


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Percentile → milliseconds."""
    if not seconds:
        return {}
    shares = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
    return {
        name: 1000 * float(value)
        for name, value in zip(shares, np.percentile(seconds, list(shares.values())), strict=True)
    }
