"""A level above a datum, which each version has elsewhere."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from framework import Model, ModelCard, ModelRefusedError, Regression
from framework.fitting import Examples, Fitted, Progress
from framework.tasks import Scores

FILE = "datum.txt"


class Level(BaseModel):
    """One level."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    height: float = Field(ge=0, le=1_000)


class Reading(BaseModel):
    """Its height above the datum."""

    model_config = ConfigDict(frozen=True)

    value: float


class Levels(Model[Level, Reading]):
    """A model whose file holds one number, which it adds."""

    framework = "numpy"

    def fit(self, train: Examples, validation: Examples | None, seed: int, bar: Progress) -> Fitted:
        """See `Model`: the seed is the datum."""
        return Fitted(files={FILE: str(seed).encode()}, estimator=float(seed), parameters={})

    def load(self, path_of: Callable[[str], str], card: ModelCard) -> float:
        """See `Model`: some servers take their time, or refuse a version."""
        datum = Path(path_of(FILE)).read_text()
        while datum == os.environ.get("SWAP_SLOW") and not Path(os.environ["SWAP_GATE"]).exists():
            time.sleep(0.01)
        if datum == os.environ.get("SWAP_UNFIT"):
            raise ModelRefusedError(f"Datum {datum} is unfit here.")
        return float(datum)

    def scores(self, estimator: float, features: NDArray[Any]) -> Scores:
        """See `Model`."""
        return np.asarray(features[:, 0] + estimator, dtype=np.float64)


MODEL = Levels(
    name="levels",
    record=Level,
    rows="levels",
    answer=Reading,
    target="value",
    task=Regression(unit="m"),
    sample=[{"height": 1.5}, {"height": 0.0}],
)
