"""Answers: kept as columns, looked at as objects."""

import math
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field, create_model

from framework import Answers, FieldError
from framework.answers import answer_fields


class Judgement(BaseModel):
    label: Literal["a", "b"]
    share: float
    is_sure: bool
    count: int
    distance: float | None
    shares: dict[str, float]
    place: list[float]


def judgements() -> Answers[Judgement]:
    """Three answers."""
    columns = {
        "label": np.array(["b", "a", "b"], dtype=object),
        "share": np.array([0.5, 0.25, 1.0]),
        "is_sure": np.array([False, False, True]),
        "count": np.array([1, 2, 3]),
        "distance": np.array([math.nan, 0.0, 7.5]),
        "shares": np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]),
        "place": np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], dtype=float),
    }
    return Answers(Judgement, columns, {"shares": ["a", "b"]})


def expected() -> list[Judgement]:
    """The same as objects."""
    rows: list[tuple[Any, ...]] = [
        ("b", 0.5, False, 1, None, {"a": 0.5, "b": 0.5}, [1, 2, 3]),
        ("a", 0.25, False, 2, 0.0, {"a": 0.25, "b": 0.75}, [4, 5, 6]),
        ("b", 1.0, True, 3, 7.5, {"a": 1.0, "b": 0.0}, [7, 8, 9]),
    ]
    names = list(Judgement.model_fields)
    return [Judgement.model_validate(dict(zip(names, row, strict=True))) for row in rows]


def test_columns_become_objects_when_looked_at() -> None:
    answers = judgements()

    assert len(answers) == 3
    assert list(answers) == expected()
    assert answers[1] == answers[-2] == expected()[1]
    assert answers[1:] == expected()[1:]
    assert answers[1:][:1] == expected()[1:2]
    assert answers[::2] == expected()[::2]
    assert len(answers[1:]) == 2
    assert answers[1:].columns["count"].tolist() == [2, 3]
    assert answers[1:].values() == [values[1:] for values in answers.values()]
    assert answers.dicts() == [answer.model_dump() for answer in expected()]
    with pytest.raises(IndexError):
        answers[3]


def test_parts_joined_are_the_whole() -> None:
    answers = judgements()

    joined = Answers.joined([answers[:1], answers[1:]])

    assert joined == expected()
    assert joined.labels == answers.labels


def test_objects_become_the_same_columns() -> None:
    answers = judgements()

    made = Answers.of(Judgement, expected(), {"shares": ["a", "b"]})

    assert made.columns.keys() == answers.columns.keys()
    for name, column in made.columns.items():
        np.testing.assert_array_equal(column, answers.columns[name])
        assert column.dtype == answers.columns[name].dtype


def test_fields_are_told() -> None:
    told = {one.name: (one.kind, one.shape, one.nullable) for one in answer_fields(Judgement)}

    assert told == {
        "label": ("text", "single", False),
        "share": ("float", "single", False),
        "is_sure": ("bool", "single", False),
        "count": ("int", "single", False),
        "distance": ("float", "single", True),
        "shares": ("float", "labelled", False),
        "place": ("float", "list", False),
    }
    pair = Annotated[list[float], Field(min_length=2, max_length=2)]
    (one,) = answer_fields(create_model("Answer", it=(pair, ...)))
    assert (one.shape, one.length) == ("list", 2)


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        (bytes, "Answer.it is of type bytes"),
        (list[str], "a list or mapping of an answer holds numbers"),
        (dict[str, str], "a list or mapping of an answer holds numbers"),
        (dict[int, float], "Answer.it"),
        (int | None, "only a single float of an answer may be missing"),
        (str | None, "only a single float of an answer may be missing"),
        (list[float] | None, "Answer.it"),
        (list, "Answer.it"),
        (dict, "Answer.it"),
    ],
    ids=str,
)
def test_a_field_that_can_be_no_column_is_refused(annotation: Any, sentence: str) -> None:
    with pytest.raises(FieldError, match=sentence):
        answer_fields(create_model("Answer", it=(annotation, ...)))
