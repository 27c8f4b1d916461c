"""LightGBM is not given a file over which it would end the process or write past an array."""

import json
from pathlib import Path
from typing import Any

import bentoml
import pytest

from framework import Bundle, Model, ModelRefusedError
from framework.card import CARD_FILE
from framework.discovery import find_model
from framework.recipes.lightgbm_file import problem_of
from tests.unit.framework.fitted import examples_of, fit, stored

TREE = b"\nTree=1\n"


@pytest.fixture(scope="module")
def model() -> Model[Any, Any]:
    """A model of one booster."""
    return find_model("diabetes", "tests.models")


@pytest.fixture(scope="module")
def content(model: Model[Any, Any]) -> bytes:
    """Its file."""
    return fit(model, examples_of(model)).files["model.txt"]


@pytest.fixture
def kept(model: Model[Any, Any]) -> bentoml.Model:
    """The model, stored without hashes as cards of earlier versions are."""
    return stored(model, examples_of(model))


def test_every_cut_of_the_trees_is_told(content: bytes) -> None:
    assert problem_of(content) == ""
    end_of_trees = content.index(b"\nend of trees")
    for length in range(0, end_of_trees - 2, 7):
        assert "cut short" in problem_of(content[:length]), length


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"num_class=1", b"num_class=4", "names numbers of classes that contradict each other"),
        (b"objective=regression", b"objective=multiclass num_class:3", "contradict"),
        (b"tree_sizes=", b"tree_sizes=x", "cut short"),
        (b"tree_sizes=", b"tree_sizes=1", "cut short"),
        (TREE, b"\nTree=7\n", "cut short"),
        (TREE, b"\n" + TREE, "cut short"),
    ],
)
def test_a_file_that_contradicts_itself_is_told(
    content: bytes, old: bytes, new: bytes, problem: str
) -> None:
    assert old in content

    assert problem in problem_of(content.replace(old, new, 1))


def test_a_stored_file_that_is_cut_short_is_refused(
    model: Model[Any, Any], kept: bentoml.Model
) -> None:
    path = Path(kept.path_of("model.txt"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(ModelRefusedError, match=r"model\.txt is broken or cut short"):
        Bundle.load(model, kept)


def test_an_imported_file_that_is_cut_short_is_refused(
    model: Model[Any, Any], content: bytes
) -> None:
    with pytest.raises(ModelRefusedError, match="the file is broken or cut short"):
        model.adopt([content[: len(content) // 2]])


def test_a_booster_of_another_number_of_classes_than_the_cards_is_refused() -> None:
    model = find_model("wine", "tests.models")
    kept = stored(model, examples_of(model))
    path = Path(kept.path_of(CARD_FILE))
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, "classes": card["classes"][:2]}))

    with pytest.raises(ModelRefusedError, match=r"gives 3 numbers for each row.* want 2"):
        Bundle.load(model, kept)
