"""What is watched of records and answers of every kind."""

from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field

from framework import Binary, Model, watched
from framework.recipes.lightgbm import LightGBM
from framework.reference import Column
from tests.unit.training.toys.notes import MODEL as NOTES
from tests.unit.training.toys.notes import Note


class Everything(BaseModel):
    number: float | None
    whole: int
    flag: bool
    colour: Literal["red", "green"] | None
    size: Literal[1, 2]
    place: Annotated[list[float], Field(min_length=2, max_length=2)]
    flags: Annotated[list[bool], Field(min_length=2, max_length=2)]


class Sure(BaseModel):
    probability: float
    yes: bool


class Several(BaseModel):
    values: list[float]


class Named(BaseModel):
    subject: str
    probabilities: dict[str, float]


class Ranked(BaseModel):
    place: int
    probability: float


SAMPLE = {
    "number": None,
    "whole": 3,
    "flag": True,
    "colour": "green",
    "size": 2,
    "place": [0.5, 1.5],
    "flags": [True, False],
}


def model(**options: Any) -> Model[Any, Any]:
    known: dict[str, Any] = {
        "name": "everything",
        "record": Everything,
        "answer": Sure,
        "target": "yes",
        "task": Binary(),
        "sample": [SAMPLE],
    }
    return LightGBM(**{**known, **options})


def seen(columns: dict[str, Column]) -> dict[str, list[Any]]:
    return {name: column.values.tolist() for name, column in columns.items()}


def test_each_field_is_watched_and_lists_by_element() -> None:
    everything = model(derived=lambda columns: {"double": columns["whole"] * 2})
    records = everything.encoder.from_records([Everything.model_validate(SAMPLE)])
    columns = watched.of_records(everything, records, {})
    assert list(columns) == [
        *("number", "whole", "flag", "colour", "size", "place_0", "place_1"),
        *("flags_0", "flags_1", "double"),
    ]
    assert np.isnan(columns["number"].values).all()
    assert columns["flag"].categories == ("false", "true")
    assert columns["colour"].categories == ("red", "green")
    assert columns["size"].categories == ("1", "2")
    assert columns["flags_1"].categories == ("false", "true")
    assert columns["place_1"].values.tolist() == [1.5]
    assert columns["double"].values.tolist() == [6]


def test_fields_that_are_left_out_are_not_watched_nor_is_what_is_computed_of_them() -> None:
    everything = model(derived=lambda columns: {"double": columns["whole"] * 2})
    records = everything.encoder.from_records([Everything.model_validate(SAMPLE)])
    columns = watched.of_records(everything, records, {}, left_out=["whole", "place"])
    assert "whole" not in columns
    assert "place_0" not in columns
    assert "double" not in columns
    assert "flag" in columns


def test_texts_by_length_and_unknown_words() -> None:
    words = {"text": watched.words_of(["Deep learning", "deep nets", None, ""])}
    texts = [Note(text="Deep nets, deep waters"), Note(text="!!"), Note(text="a deep")]
    columns = watched.of_records(NOTES, NOTES.encoder.from_records(texts), words)
    assert seen(columns) == {"text.length": [22, 2, 6], "text.unknown_words": [0.25, 0, 0]}


def test_without_training_texts_no_unknown_words_are_watched() -> None:
    columns = watched.of_records(NOTES, NOTES.encoder.from_records([Note(text="Deep")]), {})
    assert list(columns) == ["text.length"]


def test_the_words_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "MOST_WORDS", 1)
    words = watched.words_of(["rare common", "common"])
    assert words.known == watched.words_of(["common"]).known


@pytest.mark.parametrize(
    ("answer", "given", "expected"),
    [
        (
            Sure,
            {"probability": np.array([0.25]), "yes": np.array([False])},
            {"probability": [0.25]},
        ),
        (Several, {"values": np.array([[1.0, 2.0]])}, {"values_0": [1], "values_1": [2]}),
        (
            Named,
            {"subject": np.array(["b"], object), "probabilities": np.array([[0.25, 0.75]])},
            {"subject": [1], "probabilities.highest": [0.75]},
        ),
        (
            Ranked,
            {"place": np.array([20]), "probability": np.array([0.5])},
            {"place": [1], "probability": [0.5]},
        ),
    ],
)
def test_answers_by_number_class_and_highest_probability(
    answer: type[BaseModel], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    classes = ["10", "20"] if answer is Ranked else ["a", "b"]
    assert seen(watched.of_answers(answer, given, classes)) == expected
