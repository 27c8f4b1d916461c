"""Which systems are measured in which situation: not every combination says something."""

from dataclasses import dataclass

_ALL = ("empty", "fastapi-guide", "fastapi-tuned", "bentoml-stock", "bentoml-lean", "server")
_CONTRACT = ("fastapi-tuned", "bentoml-stock", "bentoml-lean", "server")
_PAIR = ("fastapi-tuned", "server")
PEERS = ("mlserver", "litserve", "rayserve")


@dataclass(frozen=True)
class Cell:
    """One situation."""

    scenario: str
    connections: int
    workers: int

    def __str__(self) -> str:
        plural = "s" if self.workers > 1 else ""
        return f"{self.scenario} @{self.connections}, {self.workers} worker{plural}"


FULL: dict[Cell, tuple[str, ...]] = {
    Cell("turnover-1", 1, 1): ("empty", *_CONTRACT, *PEERS),
    Cell("turnover-1", 32, 1): (*_ALL, *PEERS),
    Cell("turnover-1", 128, 1): ("empty", *_CONTRACT, *PEERS),
    Cell("topics-1", 1, 1): _PAIR,
    Cell("topics-1", 32, 1): _CONTRACT,
    Cell("topics-1", 128, 1): _PAIR,
    Cell("turnover-100", 1, 1): _PAIR,
    Cell("turnover-100", 32, 1): (*_CONTRACT, *PEERS),
    Cell("turnover-1000", 1, 1): _PAIR,
    Cell("turnover-1000", 32, 1): (*_CONTRACT, *PEERS),
    Cell("turnover-1", 32, 2): _ALL,
    Cell("turnover-1", 128, 2): _CONTRACT,
    Cell("topics-1", 32, 2): ("fastapi-tuned", "bentoml-lean", "server"),
    Cell("turnover-100", 32, 2): _PAIR,
    Cell("turnover-1000", 32, 2): _PAIR,
}
QUICK: dict[Cell, tuple[str, ...]] = {
    Cell("turnover-1", 1, 1): _PAIR,
    # No target is about `bentoml-lean`, and each system takes its time to start.
    Cell("turnover-1", 32, 1): tuple(name for name in _ALL if name != "bentoml-lean"),
    Cell("turnover-1", 128, 1): ("server",),
    Cell("topics-1", 32, 1): _PAIR,
    Cell("turnover-1000", 32, 1): _PAIR,
    Cell("turnover-1", 32, 2): _PAIR,
}


def chosen(
    plan: dict[Cell, tuple[str, ...]], systems: set[str], scenarios: set[str]
) -> dict[Cell, list[str]]:
    """Returns the part of a plan that was asked for."""
    return {
        cell: named
        for cell, names in plan.items()
        if cell.scenario in scenarios and (named := [name for name in names if name in systems])
    }
