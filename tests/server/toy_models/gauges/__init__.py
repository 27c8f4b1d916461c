"""What a gauge says: every kind of field, each of which may be missing, and so may the answer."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from framework import Regression
from tests.server.toy_formula import Computed

BROKEN = 999.0
"""Answered with a number that is not finite."""

STEPS = (1, 2, 5)


class Gauge(BaseModel):
    """One gauge."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    level: float = Field(ge=0, le=1_000, allow_inf_nan=False)
    count: int | None = Field(ge=0, le=100)
    flag: bool | None
    grade: Literal["low", "high"] | None
    step: Literal[STEPS] = 2  # type: ignore[valid-type]
    pressure: float | None = Field(default=None, ge=-10, le=10)
    note: str | None = Field(default=None, min_length=1, max_length=20)


class Estimate(BaseModel):
    """What it says; nothing if its pressure is not known."""

    model_config = ConfigDict(frozen=True)

    value: float | None


def _value(features: NDArray[Any]) -> NDArray[np.float64]:
    level, count, flag, grade, step, pressure = features.T
    known = sum(np.nan_to_num(column, nan=0.5) for column in (count, flag, grade))
    stepped = np.array(STEPS)[step.astype(int)]
    value = level + known + stepped + pressure
    return np.where(level == BROKEN, np.inf, value)


MODEL = Computed[Gauge, Estimate](
    name="gauges",
    record=Gauge,
    rows="gauges",
    answer=Estimate,
    target="value",
    task=Regression(unit="bar"),
    sample=[
        {"level": 1.5, "count": 3, "flag": True, "grade": "high", "step": 5, "pressure": 0.25},
        {"level": 0, "count": None, "flag": None, "grade": None, "note": "日本"},
        {"level": 7, "count": 0, "flag": False, "grade": "low", "pressure": -10.0, "note": None},
    ],
    formula=_value,
)
