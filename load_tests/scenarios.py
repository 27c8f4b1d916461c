"""What is asked of every system: a kind of request, prepared in many different bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from load_tests.data import Data, blocks
from load_tests.roles import ASSIGNED, MODELS, PRIMARY, AnyModel

Rows = list[dict[str, Any]]

# Rows in a request → how many different requests are sent in turn. Texts are longer, and fewer.
_NUMBERS = {1: 4_000, 100: 140, 1_000: 60}
_TEXTS = {1: 700}


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    model: str
    """Name of the model that is asked."""

    title: str
    rows: int
    """Rows in a request."""

    bodies: int
    """How many different requests are sent in turn."""


def scenarios_of(models: Mapping[str, AnyModel]) -> dict[str, Scenario]:
    """Returns the scenarios of some models by name: `<model>-<rows>`, smallest requests first."""
    return {
        f"{name}-{rows}": Scenario(
            f"{name}-{rows}", name, f"{name}, {_counted(rows, model)}", rows, bodies
        )
        for name, model in models.items()
        for rows, bodies in (_TEXTS if model.encoder.texts else _NUMBERS).items()
    }


def named(role: str, assigned: Mapping[str, list[str]] = ASSIGNED) -> list[str]:
    """Returns the scenarios that a role's scenario stands for: of `table-1` one, if any."""
    part, _, rows = role.partition("-")
    return [f"{name}-{rows}" for name in assigned[part]]


def requests(scenario: Scenario, data: Data) -> list[Rows]:
    """Returns the rows of every request of a scenario."""
    return blocks(data.rows, scenario.rows, scenario.bodies)


def _counted(rows: int, model: AnyModel) -> str:
    if rows > 1:
        return f"{rows:,} rows"
    return "one text" if model.encoder.texts else "one row"


SCENARIOS = scenarios_of(MODELS)
ONE = SCENARIOS[f"{PRIMARY.name}-1"]
"""One row of the primary model: what most measurements send."""
