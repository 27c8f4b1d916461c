"""What kind of question a target asks."""

from typing import Any

import pytest

from framework.scaffold.errors import ScaffoldError
from framework.scaffold.question import question_of
from tests.unit.scaffold.conftest import column


@pytest.mark.parametrize(
    ("values", "task", "labels"),
    [
        (["0", "1"], "Binary", (0, 1)),
        (["1", "2"], "Binary", (1, 2)),
        ([True, False], "Binary", (False, True)),
        (["True", "False"], "Binary", ("False", "True")),
        (["yes", "no"], "Binary", ("no", "yes")),
        (["positive", "zero"], "Binary", ("zero", "positive")),
        (["rose", "tulip"], "Binary", ("rose", "tulip")),
        (["b", "c", "a"], "Multiclass", ("a", "b", "c")),
        (["3", "4", "5"], "Multiclass", (3, 4, 5)),
        (["1.5", "2.5"], "Regression", ()),
        ([str(at) for at in range(60)], "Regression", ()),
        # Whole numbers of which some are rare are amounts, such as marks.
        (["3"] * 30 + ["4"] * 25 + ["5"] * 5, "Regression", ()),
    ],
)
def test_the_values_decide_the_task(values: list[Any], task: str, labels: Any) -> None:
    question = question_of([column(values, "target")])

    assert (question.task, question.labels) == (task, labels)
    assert question.names == ("target",)


def test_several_targets_are_several_outputs() -> None:
    question = question_of([column(["1.5", "2"], "A b"), column(["3", "4"], "probability")])

    assert (question.task, question.targets) == ("MultiOutput", ("A b", "probability"))
    # A field of the answer has a meaning of that name already.
    assert question.names == ("a_b", "probability_2")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1"], "is '1' in every row: there is nothing to tell"),
        (["a", None], "is empty in 30 of 60 rows"),
        (["1", "NA"], "is empty in 30 of 60 rows"),
        (["a"] * 55 + ["b"] * 5, "is 'b' in 5 rows only; each class needs 10"),
        (["a" * 61, "b"], "more than 60 characters"),
        (["2024-05-01", "2023-12-24"], "holds dates or times: turn it into numbers"),
    ],
)
def test_what_nobody_can_tell_is_refused(values: list[Any], message: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        question_of([column(values, "target")])

    assert message in str(refused.value)
    assert "--drop" not in str(refused.value)


def test_several_targets_must_be_numbers() -> None:
    with pytest.raises(ScaffoldError, match="'kind' is no number"):
        question_of([column(["1.5", "2"]), column(["a", "b"], "kind")])
