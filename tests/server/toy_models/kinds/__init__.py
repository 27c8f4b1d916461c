"""Of which kind something is, by its size: a class, its probability, and those of all classes."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from framework import Multiclass, Recorded
from tests.server.toy_formula import Computed

CLASSES = ("large", "small", "vast")
BROKEN = 13.5
"""A size that is answered with probabilities that are no numbers."""

HELD = "held"
"""A thing of this name is not answered until it is released (see `tests.server.toy_plane`)."""


class Thing(BaseModel):
    """One thing."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    size: float = Field(ge=-1, le=1_000)
    name: Annotated[str, Recorded("hash")] = ""


class Kind(BaseModel):
    """Its kind."""

    model_config = ConfigDict(frozen=True)

    kind: str
    probability: float
    probabilities: dict[str, float]


NONE = Kind(kind="none", probability=1.0, probabilities=dict.fromkeys(CLASSES, 0.0))


def _probabilities(features: NDArray[Any]) -> NDArray[np.float64]:
    size = np.where(features[:, 0] == BROKEN, np.nan, features[:, 0])
    shares = np.column_stack([np.minimum(size, 10), 10 - np.minimum(size, 10), size / 100])
    probabilities: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return probabilities


MODEL = Computed[Thing, Kind](
    name="kinds",
    record=Thing,
    rows="things",
    answer=Kind,
    target="kind",
    task=Multiclass(classes=CLASSES),
    sample=[{"size": 1.0}, {"size": 9, "name": "whale"}],
    formula=_probabilities,
    classes=CLASSES,
)
