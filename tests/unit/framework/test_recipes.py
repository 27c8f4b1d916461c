"""Recipes: what they fit, store and refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from framework import Bundle, FieldError, ModelRefusedError, Multiclass, MultiOutput, Regression
from framework.fitting import Examples
from framework.model import Model
from framework.recipes import compiled_scorer
from framework.recipes.lightgbm import LightGBM
from framework.recipes.pipeline import Pipeline
from framework.recipes.scorer import Scorer
from framework.recipes.skops_archive import dumps, loads
from framework.trees.compiler import compiled_into
from tests.tools import require_tool
from tests.unit.framework.fitted import card_of, fit

ROWS = 90
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Leaf(BaseModel):
    sizes: Pair | None
    shape: Literal["round", "long"] | None


class Kind(BaseModel):
    kind: str
    chances: dict[str, float]


class Weights(BaseModel):
    wet: float
    dry: float


class Contribution(BaseModel):
    feature: str
    value: float | str | None
    contribution: float


class Why(BaseModel):
    weight: float
    base_value: float
    raw_score: float
    contributions: list[Contribution]


class Weight(BaseModel):
    weight: float


SAMPLE = [{"sizes": [1.0, 2.0], "shape": "long"}]
CLASSES = ("oak", "ash", "elm")


def leaves() -> list[Leaf]:
    """Records, some of whose values are missing."""
    rng = np.random.default_rng(0)
    return [
        Leaf(
            sizes=None if row % 10 == 3 else rng.random(2).tolist(),
            shape=(None, "round", "long")[row % 3],
        )
        for row in range(ROWS)
    ]


def examples(
    model: Model[Any, Any], target: NDArray[Any], classes: tuple[str, ...] = ()
) -> Examples:
    """Those records with what is true of them."""
    records = model.encoder.from_records(leaves())
    return Examples(records, model.features(records), target, classes)


def fitted_files(model: Model[Any, Any], rows: Examples, folder: Any) -> Callable[[str], str]:
    """Fits a model, writes its files and returns where each is."""
    for name, content in fit(model, rows).files.items():
        (folder / name).write_bytes(content)
    return lambda name: str(folder / name)


def test_boosted_classes_have_a_score_each(tmp_path: Any) -> None:
    model = LightGBM[Leaf, Kind](
        name="leaf", record=Leaf, answer=Kind, target="kind", task=Multiclass(), sample=SAMPLE
    )
    rows = examples(model, np.arange(ROWS) % 3, CLASSES)
    path_of = fitted_files(model, rows, tmp_path)

    estimator = model.load(path_of, card_of(model, CLASSES))

    assert [scorer.outputs for scorer in estimator] == [3]
    expected = lightgbm.Booster(model_file=path_of("model.txt")).predict(rows.features)
    for count in (1, 2, ROWS):
        scores = model.scores(estimator, rows.features[:count])
        assert scores.shape == (count, 3)
        np.testing.assert_array_equal(scores, expected[:count])


def weights_of_two() -> LightGBM[Leaf, Weights]:
    """A model of two outputs."""
    return LightGBM[Leaf, Weights](
        name="leaf",
        record=Leaf,
        answer=Weights,
        target=["wet", "dry"],
        task=MultiOutput(),
        sample=SAMPLE,
    )


def test_boosted_outputs_have_a_booster_each(tmp_path: Any) -> None:
    model = weights_of_two()
    rows = examples(model, np.column_stack([np.arange(ROWS), -np.arange(ROWS)]).astype(float))
    path_of = fitted_files(model, rows, tmp_path)

    estimator = model.load(path_of, card_of(model, ()))

    assert [scorer.outputs for scorer in estimator] == [1, 1]
    expected = [
        lightgbm.Booster(model_file=path_of(name)).predict(rows.features)
        for name in ("model.txt", "model-1.txt")
    ]
    assert not np.array_equal(expected[0], expected[1])
    np.testing.assert_array_equal(model.scores(estimator, rows.features), np.transpose(expected))
    bundle = Bundle(model, "leaf:1", card_of(model, ()), estimator)
    with pytest.raises(NotImplementedError, match="leaf does not explain"):
        bundle.explain(leaves()[:1])


def test_outputs_are_compiled_if_all_of_their_boosters_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("cc")
    compiled_into(tmp_path / "compiled")
    monkeypatch.setattr(compiled_scorer, "home_folder", lambda: tmp_path)
    model = weights_of_two()
    rows = examples(model, np.column_stack([np.arange(ROWS), -np.arange(ROWS)]).astype(float))
    path_of = fitted_files(model, rows, tmp_path)
    whole = model.load(path_of, card_of(model, ()))
    assert model.computation(whole).is_compiled

    another = Scorer(lightgbm.Booster(model_file=path_of("model-1.txt")), "why", "where")
    computation = model.computation([whole[0], another])

    assert not computation.is_compiled
    assert (computation.by, computation.hindrance, computation.detail) == (
        "lightgbm",
        "why",
        "where",
    )
    np.testing.assert_allclose(
        model.scores([whole[0], another], rows.features),
        model.scores(whole, rows.features),
        rtol=1e-12,
    )


def test_an_explanation_names_each_column_of_lists_missing_and_derived_values() -> None:
    model = LightGBM[Leaf, Weight](
        name="leaf",
        record=Leaf,
        answer=Weight,
        explanation=Why,
        target="weight",
        task=Regression(),
        sample=SAMPLE,
        derived=lambda columns: {"area": columns["sizes"].prod(axis=1)},
    )
    fitted = fit(model, examples(model, np.arange(ROWS) % 10 / 10))
    bundle = Bundle(model, "leaf:1", card_of(model, ()), fitted.estimator)
    records = leaves()[2:4]

    answers, explanations = bundle.predict(records), bundle.explain(records)

    whole, missing = (
        {one.feature: one.value for one in explanation.contributions}
        for explanation in explanations
    )
    assert records[0].sizes
    first, second = records[0].sizes
    assert whole == {
        "sizes_0": first, "sizes_1": second, "shape": "long",
        "area": pytest.approx(first * second),
    }  # fmt: skip
    assert missing.keys() == whole.keys()
    assert (missing["sizes_0"], missing["sizes_1"], missing["shape"]) == (None, None, None)
    for answer, explanation in zip(answers, explanations, strict=True):
        assert answer.weight == explanation.weight == pytest.approx(explanation.raw_score)


def classified(classes: tuple[str, ...]) -> Pipeline[Any, Any]:
    """A pipeline that classifies by the sum of two numbers."""

    class Point(BaseModel):
        at: Pair

    return Pipeline(
        name="points",
        record=Point,
        answer=Kind,
        target="kind",
        task=Multiclass(classes=classes),
        sample=[{"at": [0.0, 1.0]}],
        pipeline=lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    )


def test_classes_in_an_order_of_the_tasks_own_keep_their_probabilities() -> None:
    model = classified(CLASSES)
    at = np.random.default_rng(0).random((ROWS, 2))
    records = model.encoder.from_columns({"at": at})
    target = np.digitize(at.sum(axis=1), [0.7, 1.3])
    fitted = fit(model, Examples(records, model.features(records), target, CLASSES))
    bundle = Bundle(model, "points:1", card_of(model, CLASSES), fitted.estimator)

    answers = bundle.predict(records)

    expected = fitted.estimator.predict(model.features(records))
    assert [answer.kind for answer in answers] == [CLASSES[at] for at in expected]
    assert all(max(one.chances, key=one.chances.__getitem__) == one.kind for one in answers)
    assert list(answers[0].chances) == list(CLASSES)


class Foreign(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that is not scikit-learn's own."""

    def fit(self, features: Any, target: Any) -> "Foreign":
        self.mean_ = float(np.mean(target))
        return self

    def predict(self, features: Any) -> Any:
        return np.full(len(features), self.mean_)


def regressor(estimator: Any, **more: Any) -> Pipeline[Any, Any]:
    """A pipeline of one estimator."""

    class Point(BaseModel):
        at: Pair

    return Pipeline(
        name="points",
        record=Point,
        answer=Weight,
        target="weight",
        task=Regression(),
        sample=[{"at": [0.0, 1.0]}],
        pipeline=lambda: estimator,
        **more,
    )


def points(model: Pipeline[Any, Any]) -> Examples:
    """Rows for it: a plane."""
    at = np.random.default_rng(0).random((ROWS, 2))
    records = model.encoder.from_columns({"at": at})
    return Examples(records, model.features(records), at @ [1.0, 2.0])


def test_types_that_are_not_scikit_learns_own_are_neither_stored_nor_loaded() -> None:
    model = regressor(Foreign())
    with pytest.raises(ModelRefusedError, match="Foreign; they are not loaded"):
        fit(model, points(model))

    with pytest.raises(ModelRefusedError, match=r"a file: .*Foreign; they are not loaded"):
        loads(dumps(Foreign().fit([[1]], [2])), "a file")


def test_a_search_chooses_by_cross_validation() -> None:
    model = regressor(Ridge(), search={"alpha": [1e4, 1e-6]}, folds=3)

    fitted = fit(model, points(model))

    assert fitted.parameters["alpha"] == 1e-6
    assert fitted.parameters["cross_validation_folds"] == 3
    assert fitted.estimator.alpha == 1e-6
    assert fitted.notes == ["alpha was chosen by 3-fold cross-validation within the training rows."]
    assert [name for name, _ in fitted.rankings[""]] == ["at_1", "at_0"]


def test_a_model_that_takes_no_texts_says_what_does() -> None:
    class Letter(BaseModel):
        text: str

    with pytest.raises(FieldError, match="use the recipe Pipeline"):
        LightGBM(
            name="letters",
            record=Letter,
            answer=Weight,
            target="weight",
            task=Regression(),
            sample=[{"text": "Dear"}],
        )
