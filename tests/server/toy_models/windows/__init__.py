"""What a window of readings amounts to: lists in, one of which may be missing, and a list out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from framework import MultiOutput
from tests.server.toy_formula import Computed

BROKEN = -1
"""A step that is answered with not-a-number."""


class Window(BaseModel):
    """One window."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    readings: list[float] = Field(min_length=3, max_length=3)
    steps: list[int] | None = Field(min_length=2, max_length=2)
    flags: list[bool] = Field(default=[True, False], min_length=2, max_length=2)


class Spectrum(BaseModel):
    """Sum and spread of the readings, and the steps between them."""

    model_config = ConfigDict(frozen=True)

    values: list[float]


def _values(features: NDArray[Any]) -> NDArray[np.float64]:
    readings, steps, flags = features[:, :3], features[:, 3:5], features[:, 5:]
    between = np.nan_to_num(steps, nan=0.5).sum(axis=1) + flags[:, 0]
    between[steps[:, 0] == BROKEN] = np.nan
    return np.column_stack([readings.sum(axis=1), np.ptp(readings, axis=1), between])


MODEL = Computed[Window, Spectrum](
    name="windows",
    record=Window,
    rows="windows",
    answer=Spectrum,
    target=["sum", "spread", "between"],
    task=MultiOutput(),
    sample=[
        {"readings": [1, 2.5, 3], "steps": [1, 2], "flags": [False, True]},
        {"readings": [0.0, -1.0, 0.125], "steps": None},
    ],
    formula=_values,
)
