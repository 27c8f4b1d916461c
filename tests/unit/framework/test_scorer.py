"""The scorer gives what LightGBM's own `predict` gives, for one row and many, from any thread."""

from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from framework.recipes.scorer import Scorer

ROWS, COLUMNS = 500, 4


@pytest.fixture(scope="module")
def features() -> NDArray[np.float64]:
    """Some rows."""
    return np.random.default_rng(0).random((ROWS, COLUMNS))


@pytest.fixture(scope="module")
def booster(features: NDArray[np.float64]) -> lightgbm.Booster:
    """A model of them."""
    labels = (features.sum(axis=1) > COLUMNS / 2).astype(float)
    parameters = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    return lightgbm.train(parameters, lightgbm.Dataset(features, labels), num_boost_round=20)


@pytest.mark.parametrize("rows", [0, 1, 2, 100])
def test_scores_what_lightgbm_does(
    booster: lightgbm.Booster, features: NDArray[np.float64], rows: int
) -> None:
    expected = booster.predict(features)[:rows]
    np.testing.assert_array_equal(Scorer(booster)(features[:rows]), expected)


def test_takes_a_matrix_of_any_layout(
    booster: lightgbm.Booster, features: NDArray[np.float64]
) -> None:
    scorer = Scorer(booster)
    for one in (features.T.copy().T, features[::2]):
        np.testing.assert_array_equal(scorer(one), booster.predict(one))


def test_scores_single_rows_from_several_threads(
    booster: lightgbm.Booster, features: NDArray[np.float64]
) -> None:
    scorer = Scorer(booster)
    with ThreadPoolExecutor(4) as pool:
        scores = list(pool.map(lambda row: scorer(row[np.newaxis])[0], [*features] * 20))
    np.testing.assert_array_equal(scores, np.tile(booster.predict(features), 20))


@pytest.mark.parametrize("rows", [1, 2])
def test_refuses_another_number_of_columns(
    booster: lightgbm.Booster, features: NDArray[np.float64], rows: int
) -> None:
    with pytest.raises(ValueError, match="has 4 features, not 3"):
        Scorer(booster)(features[:rows, :3])


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        # So many numbers a row were allocated as the first says, and written as the second says.
        ("num_tree_per_iteration=3", "num_tree_per_iteration=1"),
        ("num_class=3\n", "num_class=9\n"),
        ("num_class=3\n", "num_class=1\n"),
    ],
)
def test_refuses_a_booster_that_would_write_past_its_buffer(
    features: NDArray[np.float64], line: str, instead: str
) -> None:
    labels = np.arange(ROWS) % 3
    parameters = {"objective": "multiclass", "num_class": 3, "num_threads": 1, "verbosity": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, labels), num_boost_round=2)
    content = booster.model_to_string()
    assert Scorer(booster).outputs == 3

    with pytest.raises(ValueError, match=r"trees an iteration for . outputs a row"):
        Scorer(lightgbm.Booster(model_str=content.replace(line, instead, 1)))
