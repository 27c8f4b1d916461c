"""What trees can be laid out, and that sizes change nothing."""

from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from framework.adapters.lightgbm_text import forest_of
from framework.recipes.compiled_scorer import CompiledScorer
from framework.trees.forest import (
    CategoricalSplit,
    Forest,
    NumericalSplit,
    Tree,
    UnfitForestError,
)
from framework.trees.layout import Layout
from framework.trees.library import Kernel

ROWS = 5_000
STUMP = Tree([NumericalSplit(0, 0.5)], [-1], [-2], [1.0, 2.0])


MANY = {"max_bin": 2000, "max_cat_threshold": 200, "cat_smooth": 0.0, "cat_l2": 0.0}


def forest(*trees: Tree, features: int = 1, outputs: int = 1) -> Forest:
    return Forest(features, outputs, trees, "identity")


def fitted(features: NDArray[np.float64], **parameters: Any) -> lightgbm.Booster:
    target = np.sin(features.sum(axis=1) * 5) + features[:, -1]
    quiet = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 1, "min_data_per_group": 1}
    categorical = parameters.pop("categorical", "auto")
    data = lightgbm.Dataset(features, target, categorical_feature=categorical)
    return lightgbm.train(quiet | parameters, data, 8)


def require_equal(kernel: Kernel, booster: lightgbm.Booster, rows: NDArray[np.float64]) -> Layout:
    layout = Layout(forest_of(booster.model_to_string()))
    scorer = CompiledScorer(booster, layout, kernel)
    expected = booster.predict(rows, num_threads=1)
    np.testing.assert_array_equal(scorer(rows), expected)
    np.testing.assert_array_equal([scorer(row[None])[0] for row in rows[:50]], expected[:50])
    return layout


def test_more_thresholds_of_a_feature_than_a_byte_can_tell_apart(kernel: Kernel) -> None:
    rows = np.random.default_rng(0).normal(size=(ROWS, 2))
    layout = require_equal(kernel, fitted(rows, max_bin=2000, num_leaves=120), rows)
    assert layout.planes > 2


def test_trees_of_more_leaves_than_blocks_take(kernel: Kernel) -> None:
    rows = np.random.default_rng(0).normal(size=(ROWS, 2))
    layout = require_equal(kernel, fitted(rows, num_leaves=900), rows)
    assert layout.walked > ROWS


def test_sets_of_more_categories_than_planes_have_bits(kernel: Kernel) -> None:
    random = np.random.default_rng(0)
    rows = np.column_stack([random.integers(0, 1500, ROWS), random.normal(size=ROWS)])
    booster = fitted(rows, categorical=[0], num_leaves=60, **MANY)
    layout = require_equal(kernel, booster, rows)
    assert layout.planes > 10


def test_trees_of_a_single_leaf(kernel: Kernel) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    booster = fitted(rows, min_data_in_leaf=1000)
    assert booster.num_trees()
    require_equal(kernel, booster, rows)


def test_a_matrix_without_rows(kernel: Kernel) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    require_equal(kernel, fitted(rows), rows[:0])


def test_the_tables_of_a_common_model_are_small() -> None:
    rows = np.random.default_rng(0).normal(size=(ROWS, 9))
    booster = fitted(rows, num_leaves=15)
    assert 8 * 15 * 8 < Layout(forest_of(booster.model_to_string())).size < 8 * 15 * 64


@pytest.mark.parametrize(
    ("trees", "reason"),
    [
        (forest(STUMP, outputs=0), "1 trees give 0 outputs"),
        (forest(STUMP, outputs=2), "1 trees give 2 outputs"),
        (forest(STUMP, features=0), "a split looks at feature 0"),
        (forest(Tree([NumericalSplit(-1, 0.5)], [-1], [-2], [1, 2])), "looks at feature -1"),
        (forest(Tree([CategoricalSplit(0, ())], [-1], [-2], [1, 2])), "sends no category"),
        (forest(Tree([NumericalSplit(0, 0.5)], [0], [-2], [1, 2])), "leads to no split"),
        (forest(Tree([NumericalSplit(0, 0.5)], [-1], [-1], [1, 2])), "on no branch, or on two"),
        (forest(Tree([NumericalSplit(0, 0.5)], [-1], [-3], [1, 2])), "and no leaf"),
        (forest(Tree([NumericalSplit(0, 0.5)], [-1], [1], [1, 2])), "leads to no split"),
        (
            forest(*[Tree([NumericalSplit(at, 0.5)], [-1], [-2], [1, 2]) for at in range(2001)],
                   features=2001),
            "in 2,001 ways",
        ),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(trees: Forest, reason: str) -> None:
    with pytest.raises(UnfitForestError, match=reason):
        Layout(trees)


def test_a_tree_of_too_many_nodes_is_refused() -> None:
    splits = 2**14
    chain = Tree(
        [NumericalSplit(0, at % 200) for at in range(splits)],
        [~at for at in range(splits)],
        [*range(1, splits), ~splits],
        [0.0] * (splits + 1),
    )
    with pytest.raises(UnfitForestError, match="a tree has 32,769 nodes"):
        Layout(forest(chain))
