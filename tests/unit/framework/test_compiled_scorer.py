"""Which scorer a stored LightGBM model gets, and why."""

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from framework.adapters.lightgbm_text import forest_of
from framework.recipes import compiled_scorer
from framework.recipes.compiled_scorer import CompiledScorer, quickest
from framework.recipes.scorer import Scorer
from framework.trees.compiler import compiled_into
from tests.tools import require_tool

ROWS, COLUMNS = 500, 4


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """BentoML's home, empty."""
    monkeypatch.setattr(compiled_scorer, "home_folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def compiled(home: Path) -> None:
    """The kernel, compiled into it."""
    require_tool("cc")
    compiled_into(home / "compiled")


@pytest.fixture(scope="module")
def features() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(ROWS, COLUMNS))


@pytest.fixture(scope="module")
def text(features: NDArray[np.float64]) -> str:
    quiet = {"objective": "binary", "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(features, (features.sum(axis=1) > 0).astype(float))
    return str(lightgbm.train(quiet, data, num_boost_round=20).model_to_string())


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("rows", [0, 1, 2, 100, ROWS])
def test_scores_with_compiled_trees(text: str, features: NDArray[np.float64], rows: int) -> None:
    scorer = quickest(text)

    assert type(scorer) is CompiledScorer
    assert (scorer.computation.by, scorer.computation.is_compiled) == ("compiled trees", True)
    assert scorer.computation.hindrance == ""
    expected = Scorer(lightgbm.Booster(model_str=text))(features[:rows])
    np.testing.assert_allclose(scorer(features[:rows]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("compiled")
def test_takes_a_matrix_of_any_layout(text: str, features: NDArray[np.float64]) -> None:
    scorer, read_only = quickest(text), features.copy()
    read_only.flags.writeable = False
    single: Any = features.astype(np.float32)
    for one in (features.T.copy().T, features[::2], single, read_only):
        expected = Scorer(lightgbm.Booster(model_str=text))(one)
        np.testing.assert_allclose(scorer(one), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("compiled")
def test_scores_from_several_threads(text: str, features: NDArray[np.float64]) -> None:
    scorer = quickest(text)
    expected = scorer(features)
    many = np.tile(features, (20, 1))
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda row: scorer(row[np.newaxis])[0], [*features] * 5))
        beside = list(pool.map(scorer, [many] * 8))
    np.testing.assert_array_equal(alone, np.tile(expected, 5))
    np.testing.assert_array_equal(beside, np.tile(expected, (8, 20)))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("rows", [1, 2])
def test_refuses_another_number_of_columns(
    text: str, features: NDArray[np.float64], rows: int
) -> None:
    with pytest.raises(ValueError, match="has 4 features, not 3"):
        quickest(text)(features[:rows, :3])


@pytest.mark.usefixtures("compiled")
def test_explains_as_lightgbm_does(text: str, features: NDArray[np.float64]) -> None:
    expected = lightgbm.Booster(model_str=text).predict(features, pred_contrib=True)
    np.testing.assert_array_equal(quickest(text).contributions(features), expected)


def test_without_a_library_lightgbm_scores_and_it_is_said(text: str) -> None:
    scorer = quickest(text)

    assert type(scorer) is Scorer
    assert (scorer.computation.by, scorer.computation.is_compiled) == ("lightgbm", False)
    assert "no compiled code (`make compile`" in scorer.computation.hindrance


@pytest.mark.usefixtures("compiled")
def test_trees_that_are_not_known_are_scored_by_lightgbm(
    features: NDArray[np.float64],
) -> None:
    quiet = {"linear_tree": True, "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(features, features.sum(axis=1))
    booster = lightgbm.train(quiet, data, num_boost_round=5)

    scorer = quickest(booster.model_to_string())

    assert scorer.computation.hindrance == "the trees have linear models in their leaves"
    np.testing.assert_array_equal(scorer(features), booster.predict(features))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("part", ["threshold", "leaf", "direction"])
def test_trees_that_would_score_otherwise_are_scored_by_lightgbm(
    text: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should LightGBM ever decide otherwise than is known here, it is noticed."""
    known = {
        "threshold": (r"(\nthreshold=)\S+", r"\g<1>0.12345"),
        "leaf": (r"(\nleaf_value=)\S+", r"\g<1>0.12345"),
        "direction": (r"(\ndecision_type=)\S+", r"\g<1>8"),
    }
    monkeypatch.setattr(
        compiled_scorer, "forest_of", lambda content: forest_of(re.sub(*known[part], content))
    )

    scorer = quickest(text)

    assert scorer.computation.hindrance == "compiled trees give other scores than LightGBM"


@pytest.mark.usefixtures("compiled")
def test_trees_of_other_features_than_lightgbm_counts_are_scored_by_lightgbm(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would read past the end of a row."""
    monkeypatch.setattr(
        compiled_scorer,
        "forest_of",
        lambda content: dataclasses.replace(forest_of(content), features=COLUMNS + 1),
    )
    assert "counts its features" in quickest(text).computation.hindrance
