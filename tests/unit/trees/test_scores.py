"""Compiled trees give what LightGBM's own `predict` gives, whatever the booster and the rows."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.adapters.lightgbm_text import forest_of
from framework.recipes.compiled_scorer import CompiledScorer
from framework.trees.layout import Layout
from framework.trees.library import Kernel
from tests.unit.trees.boosters import OBJECTIVES, Kind, hard_rows, kinds, text_of

TOLERANCE = 1e-12
SIZES = [1, 2, 3, 15, 16, 17, 32, 33, 64, 65, 200]


def require_equal(kernel: Kernel, text: str, seed: int, number: int) -> None:
    booster = lightgbm.Booster(model_str=text)
    scorer = CompiledScorer(booster, Layout(forest_of(text)), kernel)
    rows = hard_rows(text, np.random.default_rng(seed), number)

    expected = booster.predict(rows, num_threads=1)

    np.testing.assert_allclose(scorer(rows), expected, rtol=TOLERANCE, atol=TOLERANCE)
    for row, score in zip(rows[:20], expected, strict=False):
        np.testing.assert_allclose(scorer(row[None])[0], score, rtol=TOLERANCE, atol=TOLERANCE)


@given(kind=kinds(), number=st.sampled_from(SIZES))
def test_scores_are_lightgbms(kernel: Kernel, kind: Kind, number: int) -> None:
    require_equal(kernel, text_of(kind), kind.seed, number)


@pytest.mark.parametrize("parameters", OBJECTIVES, ids=lambda one: one["objective"])
def test_every_objective(kernel: Kernel, parameters: dict[str, object]) -> None:
    text = text_of(Kind({**parameters, "num_leaves": 7}, 5, missing=0.1, changed=0.0, seed=1))
    require_equal(kernel, text, seed=1, number=200)
