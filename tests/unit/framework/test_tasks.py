"""Tasks: scores become answers, and answer types that cannot hold them are refused."""

from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import BaseModel, Field, create_model

from framework import Answers, Binary, FieldError, Multiclass, MultiOutput, Regression
from framework.tasks import Task

CARD: Any = SimpleNamespace(classes=["2", "10"], threshold=0.4)
BARE: Any = SimpleNamespace(classes=["no", "yes"], threshold=None)
"""All that a task reads of a card."""


def answer_of(**types: Any) -> type[BaseModel]:
    """An answer type."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in types.items()}
    return create_model("Answer", **fields)


def answers(task: Task, answer: type[BaseModel], scores: Any, card: Any = CARD) -> Any:
    """The answers to scores, as dictionaries."""
    columns = task.columns(answer, np.array(scores), card)
    return Answers(answer, columns, task.answer_labels(answer, card)).dicts()


def test_a_probability_that_reaches_the_threshold_is_a_yes() -> None:
    answer = answer_of(share=float, is_so=bool)

    assert answers(Binary(), answer, [0.4, 0.39]) == [
        {"share": 0.4, "is_so": True},
        {"share": 0.39, "is_so": False},
    ]
    assert answers(Binary(), answer, [0.49, 0.5], BARE)[0]["is_so"] is False


def test_the_most_probable_class_is_told_with_all_others() -> None:
    scores = [[0.25, 0.75], [0.5, 0.5]]
    answer = answer_of(label=str, share=float, shares=dict[str, float])

    assert answers(Multiclass(), answer, scores) == [
        {"label": "10", "share": 0.75, "shares": {"2": 0.25, "10": 0.75}},
        {"label": "2", "share": 0.5, "shares": {"2": 0.5, "10": 0.5}},
    ]
    assert answers(Multiclass(), answer_of(label=int), scores) == [{"label": 10}, {"label": 2}]


def test_values_become_fields_in_the_order_of_the_targets_or_a_list() -> None:
    assert answers(Regression(), answer_of(value=float), [1.5]) == [{"value": 1.5}]

    two = answer_of(first=float, second=float)
    assert answers(MultiOutput(), two, [[1, 2]]) == [{"first": 1, "second": 2}]
    assert answers(MultiOutput(), answer_of(both=list[float]), [[1, 2]]) == [{"both": [1, 2]}]


def test_units_are_told_by_field() -> None:
    assert Regression(unit="kg").units_of(answer_of(weight=float)) == {"weight": "kg"}
    assert Regression().units_of(answer_of(weight=float)) == {}
    assert MultiOutput(units={"a": "m"}).units_of(answer_of(a=float, b=float)) == {"a": "m"}


ONE, TWO = ["target"], ["first", "second"]
Three = Annotated[list[float], Field(min_length=3, max_length=3)]


@pytest.mark.parametrize(
    ("task", "targets", "types", "wanted"),
    [
        (Binary(), ONE, {"yes": bool}, "one float"),
        (Binary(), ONE, {"a": float, "b": float}, "one float"),
        (Binary(), ONE, {"a": float, "b": bool, "c": bool}, "at most one bool"),
        (Binary(), ONE, {"a": float, "b": str}, "at most one bool"),
        (Binary(), TWO, {"a": float}, "one target"),
        (Multiclass(), ONE, {"share": float}, "the class"),
        (Multiclass(), ONE, {"a": str, "b": int}, "the class"),
        (Multiclass(), ONE, {"a": str, "b": float, "c": float}, "its probability"),
        (Multiclass(), ONE, {"a": str, "b": bool}, "its probability"),
        (Multiclass(), ONE, {"classes": list[int]}, "the class"),
        (Multiclass(), ONE, {"a": str, "b": dict[str, int]}, "all classes"),
        (Multiclass(), ONE, {"a": str, "b": dict[str, float], "c": dict[str, float]}, "all"),
        (Multiclass(), TWO, {"a": str}, "one target"),
        (Regression(), ONE, {"a": int}, "one float"),
        (Regression(), ONE, {"a": float, "b": float}, "one float"),
        (Regression(), ONE, {"a": list[float]}, "one float"),
        (Regression(), [], {"a": float}, "one target"),
        (MultiOutput(), TWO, {"a": float}, "each of the 2 targets"),
        (MultiOutput(), TWO, {"a": float, "b": float, "c": float}, "each of the 2 targets"),
        (MultiOutput(), TWO, {"a": Three}, "one list of 2"),
        (MultiOutput(), TWO, {"a": list[int]}, "one list of 2"),
        (MultiOutput(), ONE, {"a": float, "b": float}, "several targets"),
    ],
    ids=str,
)
def test_an_answer_that_cannot_hold_the_outputs_is_refused(
    task: Task, targets: list[str], types: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(FieldError, match=wanted):
        task.check(answer_of(**types), targets)


@pytest.mark.parametrize(
    ("task", "targets", "types"),
    [
        (Binary(), ONE, {"a": float}),
        (Binary(), ONE, {"a": bool, "b": float}),
        (Multiclass(), ONE, {"a": str}),
        (Multiclass(), ONE, {"c": dict[str, float], "a": int, "b": float}),
        (Regression(), ONE, {"a": float}),
        (MultiOutput(), TWO, {"a": float, "b": float}),
        (MultiOutput(), TWO, {"a": list[float]}),
        (MultiOutput(), [*TWO, "third"], {"a": Three}),
    ],
    ids=str,
)
def test_an_answer_that_can_is_taken(task: Task, targets: list[str], types: Any) -> None:
    task.check(answer_of(**types), targets)
