"""The card: those of the first form are still read, and what cannot be served is refused."""

import json
from pathlib import Path
from typing import Any

import bentoml
import pytest

from framework import ModelCard, ModelRefusedError
from framework.card import CARD_FILE

# As training wrote them before the card knew of tasks.
FIRST_FORM: dict[str, Any] = {
    "framework": "lightgbm",
    "versions": {"python": "3.11.7", "lightgbm": "4.7.0", "numpy": "2.4.6", "bentoml": "1.4.39"},
    "data": {
        "source": "simulation",
        "simulated": True,
        "sha256": "39a9fa955cfea8212716dafaf432e1416d9ed3fa0c2001e98c506c719eca0000",
        "rows": 8000,
        "distinct_rows": 7990,
        "train_rows": 5110,
        "validation_rows": 1280,
        "test_rows": 1600,
    },
    "seed": 0,
    "git_commit": None,
    "features": ["share", "size"],
    "categories": {"size": ["small", "large"]},
    "classes": ["no", "yes"],
    "threshold": 0.48,
    "parameters": {"objective": "binary", "learning_rate": 0.08, "best_iteration": 116},
    "performance": {"overall": {"rows": 1599.0, "accuracy": 0.97}, "yes": {"f1": 0.93}},
    "profile": {
        "share": {"mean": 0.58, "std": 0.23, "quantiles": {"0.0": 0.09, "1.0": 1.0}},
        "size": {"shares": {"small": 0.75, "large": 0.25}},
    },
    "golden": [
        {"record": {"share": 0.38, "size": "small"}, "prediction": {"chance": 0.4, "is_so": False}}
    ],
}


def stored(content: bytes | None) -> bentoml.Model:
    """A stored model with this for a card."""
    with bentoml.models.create("card-test") as model:
        if content is not None:
            Path(model.path_of(CARD_FILE)).write_bytes(content)
    return bentoml.models.get(model.tag)


def test_a_binary_card_of_the_first_form_is_read() -> None:
    card = ModelCard.read(stored(json.dumps(FIRST_FORM).encode()))

    assert (card.task, card.target, card.outputs) == ("binary", [], ["chance", "is_so"])
    assert card.data.kind == "simulated"
    assert card.data.simulated
    assert card.profile["share"].missing == card.profile["size"].missing == 0
    assert card.units == {}
    for name in ("features", "categories", "classes", "threshold", "performance", "parameters"):
        assert getattr(card, name) == FIRST_FORM[name]


def test_a_card_of_the_first_form_without_a_threshold_is_of_several_classes() -> None:
    content = {**FIRST_FORM, "threshold": None, "classes": ["a", "b", "c"]}
    content["data"] = {**FIRST_FORM["data"], "simulated": False, "source": "projects.csv"}

    card = ModelCard.model_validate(content)

    assert card.task == "multiclass"
    assert card.data.kind == "file"
    assert not card.data.simulated


def test_a_card_that_is_read_is_written_as_it_is_read() -> None:
    card = ModelCard.model_validate(FIRST_FORM)

    assert ModelCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "has no card.json: it was not stored by this project"),
        (b"{", "cannot be read"),
        (b"{}", r"cannot be read \(framework: Field required\)"),
        (
            json.dumps({**FIRST_FORM, "golden": []}).encode(),
            r"cannot be read \(golden: .*at least 1 item",
        ),
        (json.dumps({**FIRST_FORM, "further": 1}).encode(), r"cannot be read \(further: "),
    ],
    ids=["none", "no JSON", "empty", "no golden examples", "unknown field"],
)
def test_a_model_without_a_readable_card_is_refused(content: bytes | None, sentence: str) -> None:
    with pytest.raises(ModelRefusedError, match=sentence) as refused:
        ModelCard.read(stored(content))

    assert "python -m training card-test" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"versions": {"lightgbm": "3.3.5"}}, "install lightgbm==3.3.5 or retrain"),
        ({"features": ["size", "share"]}, "was trained on features"),
        ({"categories": {"size": ["large", "small"]}}, "with categories"),
    ],
)
def test_a_model_of_other_features_or_of_another_major_version_is_refused(
    changes: dict[str, Any], sentence: str
) -> None:
    serving = FIRST_FORM["features"], FIRST_FORM["categories"]
    ModelCard.model_validate(FIRST_FORM).require_compatible("size:1", *serving)

    card = ModelCard.model_validate({**FIRST_FORM, **changes})

    with pytest.raises(ModelRefusedError, match=sentence):
        card.require_compatible("size:1", *serving)
