"""The measurement of the gate: it tells models apart whose order is known."""

from typing import Any

import numpy as np
import pytest

from framework.model import Model
from load_tests.gate import Trial, table
from tests.unit.training.toys.houses import MODEL as HOUSES
from tests.unit.training.toys.loans import MODEL as LOANS
from training import rows
from training.data import of_source


@pytest.mark.parametrize(
    ("model", "metric", "least"), [(LOANS, "roc_auc", 15), (HOUSES, "rmse", 90)]
)
def test_what_is_better_passes_and_what_is_worse_does_not(
    model: Model[Any, Any], metric: str, least: int
) -> None:
    assert model.data is not None
    rng = np.random.default_rng(0)
    trial = Trial.of(model, rows.read(model, of_source(model.data)).distinct(), [0.1], rng)

    head, _, *lines = table(trial, 200, 60, rng).splitlines()

    assert f"by {metric}" in head
    cells = {name.strip(): rest for _, name, *rest, _ in (line.split("|") for line in lines)}
    passed = {name: float(rest[2].strip(" %")) for name, rest in cells.items()}
    assert passed["equal"] <= 10
    assert passed["worse: 10% of the rows learnt"] == 0
    assert passed["better than that with 10%"] >= least
    # Whichever of the two lots choose, neither is better over all draws.
    loss, champions = (float(cell) for cell in cells["equal"][:2])
    assert loss == pytest.approx(champions, rel=0.05, abs=1e-4)
