"""Whether a span is wide: records with rules that only pydantic can judge, and explanations."""

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from framework import Binary, Bundle, Recorded, Records
from framework.bundle import explained
from tests.server.raised import raise_by_number
from tests.server.toy_formula import Computed


class Span(BaseModel):
    """From low to high; its name is taken without spaces and in lower case."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    low: float
    high: float
    name: Annotated[str, Recorded("omit")] = "span"

    @field_validator("name")
    @classmethod
    def _lower(cls, name: str) -> str:
        if not (name := name.strip().lower()):
            raise ValueError("a span needs a name")
        return name

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


class Width(BaseModel):
    """How wide."""

    model_config = ConfigDict(frozen=True)

    probability: float
    wide: bool


class Part(BaseModel):
    """What one end adds."""

    end: str
    value: float | str
    share: float


class Reasons(BaseModel):
    """Why; the share of a high end of zero is not finite."""

    probability: float
    parts: list[Part]


class _Spans(Computed[Span, Width]):
    def explain(self, bundle: Bundle[Span, Width], records: Records[Span]) -> list[BaseModel]:
        """Explains answers by the ends and the name."""
        parts = [
            {
                "parts": [
                    {"end": "high", "value": one.high, "share": one.low / (one.high or np.nan)},
                    {"end": "name", "value": one.name, "share": 0.0},
                ]
            }
            for one in records
        ]
        return explained(list(bundle.predict(records)), Reasons, parts)


def _probability(features: NDArray[Any]) -> NDArray[np.float64]:
    raise_by_number(features[:, 0].tolist())
    width = features[:, 1] - features[:, 0]
    probability: NDArray[np.float64] = width / (1 + width)
    return probability


MODEL = _Spans(
    name="spans",
    record=Span,
    rows="spans",
    answer=Width,
    explanation=Reasons,
    target="wide",
    task=Binary(threshold=0.5),
    sample=[{"low": 1.0, "high": 3.0, "name": " Upper "}, {"low": -1, "high": -0.5}],
    formula=_probability,
    classes=("no", "yes"),
)
