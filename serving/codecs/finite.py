"""No protocol sends a number that is not finite: JSON has none, and a client would compute on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from framework import Answers


def require_finite(answers: Sequence[Any], first: int = 0) -> None:
    """Makes sure that no number of some answers is infinite or NaN.

    In the columns of `Answers`, NaN in a field that may be missing is a missing value.

    Args:
        answers: The answers.
        first: Row that the first of them answers.

    Raises:
        ValueError: One is; the message names its row and, if it is known, its field.
    """
    if type(answers) is Answers:
        _require_finite_columns(answers, first)
        return
    for row, answer in enumerate(answers, first):
        if not _is_finite(answer):
            raise ValueError(f"The answer of row {row} has a number that is not finite")


def _require_finite_columns(answers: Answers[Any], first: int) -> None:
    if answers.is_finite:
        return
    for name, is_fine in answers.finite().items():
        fine_rows = is_fine.reshape(len(answers), -1).all(axis=1)
        if not fine_rows.all():
            row = first + int(fine_rows.argmin())
            raise ValueError(f"The answer of row {row} has a {name} that is not finite")


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, BaseModel):
        value = vars(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return True
