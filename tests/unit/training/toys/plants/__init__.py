"""How a plant grows: several numbers, and no data of its own."""

from typing import Any

from pydantic import BaseModel, Field

from framework import MultiOutput
from framework.recipes.pipeline import Pipeline


class Plant(BaseModel):
    water: float = Field(ge=0, allow_inf_nan=False)
    light: float = Field(ge=0, allow_inf_nan=False)


class Growth(BaseModel):
    height: float
    leaves: float


def _pipeline() -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge())


MODEL = Pipeline[Plant, Growth](
    name="plants",
    record=Plant,
    answer=Growth,
    target=["height", "leaves"],
    task=MultiOutput(units={"height": "cm"}),
    sample=[{"water": 1.0, "light": 1.0}],
    pipeline=_pipeline,
)
