"""Which systems are measured in which situation: not every combination says something."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from load_tests.roles import ASSIGNED
from load_tests.scenarios import named

_ALL = ("empty", "fastapi-guide", "fastapi-tuned", "bentoml-stock", "bentoml-lean", "server")
_PAIR = ("fastapi-tuned", "server")
PEERS = ("mlserver", "litserve", "rayserve")


@dataclass(frozen=True)
class Cell:
    """One situation; in a plan its scenario names a role (`table-1`), in results a model."""

    scenario: str
    connections: int
    workers: int

    def __str__(self) -> str:
        plural = "s" if self.workers > 1 else ""
        return f"{self.scenario} @{self.connections}, {self.workers} worker{plural}"


Plan = Mapping[Cell, tuple[str, ...]]
FULL: Plan = {
    Cell("table-1", 1, 1): ("empty", "fastapi-tuned", "bentoml-stock", "server", *PEERS),
    Cell("table-1", 32, 1): (*_ALL, *PEERS),
    Cell("table-1", 128, 1): ("empty", "fastapi-tuned", "bentoml-stock", "server", *PEERS),
    Cell("text-1", 1, 1): _PAIR,
    Cell("text-1", 32, 1): ("fastapi-tuned", "bentoml-stock", "server"),
    Cell("text-1", 128, 1): _PAIR,
    Cell("table-100", 1, 1): _PAIR,
    Cell("table-100", 32, 1): (*_PAIR, *PEERS),
    Cell("table-1000", 1, 1): _PAIR,
    Cell("table-1000", 32, 1): (*_PAIR, "bentoml-stock", *PEERS),
    Cell("other-1", 32, 1): _PAIR,
    Cell("table-1", 32, 2): ("empty", "fastapi-tuned", "bentoml-stock", "server"),
    Cell("text-1", 32, 2): _PAIR,
    Cell("table-100", 32, 2): _PAIR,
    Cell("table-1000", 32, 2): _PAIR,
}
QUICK: Plan = {
    Cell("table-1", 1, 1): _PAIR,
    # No target is about `bentoml-lean`, and each system takes its time to start.
    Cell("table-1", 32, 1): tuple(name for name in _ALL if name != "bentoml-lean"),
    Cell("table-1", 128, 1): ("server",),
    Cell("text-1", 1, 1): _PAIR,
    Cell("text-1", 32, 1): _PAIR,
    Cell("table-100", 32, 1): _PAIR,
    Cell("table-1000", 32, 1): _PAIR,
    Cell("table-1", 32, 2): _PAIR,
}


def planned(plan: Plan, assigned: Mapping[str, list[str]] = ASSIGNED) -> Plan:
    """Returns a plan with the models in the place of their roles; roles without one fall away."""
    return {
        replace(cell, scenario=scenario): systems
        for cell, systems in plan.items()
        for scenario in named(cell.scenario, assigned)
    }


def cell(role: str, connections: int, workers: int = 1) -> Cell:
    """Returns the cell of a role's scenario; where no model plays the role, one never measured."""
    return Cell(next(iter(named(role)), role), connections, workers)


def chosen(
    plan: Plan, serving: Mapping[str, Container[str]], scenarios: Container[str]
) -> dict[Cell, list[str]]:
    """Returns the part of a plan that was asked for.

    Args:
        plan: With models, not roles.
        serving: System → the models that it serves.
        scenarios: Those that were asked for.
    """
    found = {}
    for cell, systems in plan.items():
        model = cell.scenario.rpartition("-")[0]
        names = [name for name in systems if name in serving and model in serving[name]]
        if names and cell.scenario in scenarios:
            found[cell] = names
    return found
