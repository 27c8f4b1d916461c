"""Models of each task, fitted, stored, loaded again and asked."""

import json
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np
import pytest
import skops.io

from framework import Answers, Bundle, Model, ModelCard, ModelRefusedError
from framework.card import CARD_FILE
from framework.discovery import find_models
from framework.fitting import Examples
from tests.unit.framework.fitted import examples_of, fit, stored


@pytest.fixture(scope="module", params=find_models("tests.models").values(), ids=lambda m: m.name)
def model(request: pytest.FixtureRequest) -> Model[Any, Any]:
    """Each proof model."""
    found: Model[Any, Any] = request.param
    return found


@pytest.fixture(scope="module")
def examples(model: Model[Any, Any]) -> Examples:
    """Its data."""
    return examples_of(model)


@pytest.fixture(scope="module")
def kept(model: Model[Any, Any], examples: Examples) -> bentoml.Model:
    """The stored model."""
    return stored(model, examples)


@pytest.fixture
def bundle(model: Model[Any, Any], kept: bentoml.Model) -> Bundle[Any, Any]:
    """The model, loaded."""
    return Bundle.load(model, kept)


def test_a_stored_model_answers_as_the_library_itself(
    bundle: Bundle[Any, Any], examples: Examples, kept: bentoml.Model
) -> None:
    model = bundle.model
    if model.framework == "lightgbm":
        scores = lightgbm.Booster(model_file=kept.path_of("model.txt")).predict(examples.features)
    else:
        pipeline = skops.io.load(kept.path_of("model.skops"))
        ask = getattr(pipeline, "predict_proba", pipeline.predict)
        scores = ask(examples.features)
        scores = scores[:, 1] if model.task.kind == "binary" else scores

    answers: Any = bundle.predict(examples.records)

    assert type(answers) is Answers
    expected = np.asarray(scores).reshape(len(examples), -1)
    named = {"binary": "probability", "multiclass": "probabilities"}
    field = named.get(model.task.kind, next(iter(model.answer.model_fields)))
    np.testing.assert_array_equal(answers.columns[field].reshape(expected.shape), expected)


def test_a_list_of_records_gets_a_list_of_the_same_answers(
    bundle: Bundle[Any, Any], examples: Examples
) -> None:
    some = examples.records[:7]

    answers = bundle.predict(list(some))

    assert type(answers) is list
    assert all(type(answer) is bundle.model.answer for answer in answers)
    assert answers == list(bundle.predict(some))


def test_fitting_again_gives_the_same_bytes(model: Model[Any, Any], examples: Examples) -> None:
    assert fit(model, examples).files == fit(model, examples).files


def test_a_golden_example_that_is_not_reproduced_refuses_the_model(
    model: Model[Any, Any], kept: bentoml.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads(Path(kept.path_of(CARD_FILE)).read_text())
    prediction = card["golden"][3]["prediction"]
    name = next(name for name, value in prediction.items() if isinstance(value, float | list))
    value = prediction[name]
    prediction[name] = value + 1e-6 if isinstance(value, float) else [value[0] + 1e-6, *value[1:]]
    monkeypatch.setattr(ModelCard, "read", lambda _: ModelCard.model_validate(card))

    with pytest.raises(ModelRefusedError, match="golden example 3: expected"):
        Bundle.load(model, kept)


def test_a_model_of_other_features_is_refused(
    model: Model[Any, Any], kept: bentoml.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ModelCard.read(kept)
    other = card.model_copy(update={"features": card.features[::-1]})
    monkeypatch.setattr(ModelCard, "read", lambda _: other)

    with pytest.raises(ModelRefusedError, match="was trained on features"):
        Bundle.load(model, kept)


def test_a_model_without_a_card_is_refused_with_the_next_step(model: Model[Any, Any]) -> None:
    with bentoml.models.create(f"{model.name}-bare") as bare:
        pass

    with pytest.raises(ModelRefusedError, match=r"has no card\.json: .*python -m training"):
        Bundle.load(model, bentoml.models.get(bare.tag))
