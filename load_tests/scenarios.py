"""What is asked of every system: a kind of request, prepared in many different bodies."""

from dataclasses import dataclass
from typing import Any

from load_tests.data import Data, blocks, valid_text

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    title: str
    model: str
    """`attrition` or `topics`."""

    rows: int
    """Rows in a request."""

    bodies: int
    """How many different requests are sent in turn."""


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("turnover-1", "turnover, one row", "attrition", 1, 4_000),
        Scenario("topics-1", "topics, one text", "topics", 1, 700),
        Scenario("turnover-100", "turnover, 100 rows", "attrition", 100, 140),
        Scenario("turnover-1000", "turnover, 1,000 rows", "attrition", 1_000, 60),
    )
}


def requests(scenario: Scenario, data: Data) -> list[Rows]:
    """Returns the rows of every request of a scenario."""
    if scenario.model == "topics":
        return blocks([row for row in data.texts if valid_text(row)], 1, scenario.bodies)
    return blocks(data.employees, scenario.rows, scenario.bodies)
