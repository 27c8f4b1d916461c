"""What exercise tells of a man's body: three numbers at once, by ridge regression."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sklearn.datasets import load_linnerud
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from framework import MultiOutput, Source
from framework.recipes.pipeline import Pipeline


class Exercise(BaseModel):
    """What one man of the fitness club managed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    chins: int = Field(ge=0, le=1_000, description="Chin-ups.")
    situps: int = Field(ge=0, le=10_000, description="Sit-ups.")
    jumps: int = Field(ge=0, le=10_000, description="Jumping jacks.")


class Physique(BaseModel):
    """What to expect of his body."""

    physique: list[float] = Field(
        min_length=3, max_length=3, description="Weight in pounds, waist in inches, pulse."
    )


def _men() -> dict[str, Any]:
    data = load_linnerud()
    names = [name.lower() for name in (*data.feature_names, *data.target_names)]
    columns = [*data.data.T.astype(int), *data.target.T]
    return dict(zip(names, columns, strict=True))


MODEL = Pipeline[Exercise, Physique](
    name="linnerud",
    record=Exercise,
    rows="men",
    answer=Physique,
    target=["weight", "waist", "pulse"],
    task=MultiOutput(units={"weight": "lb", "waist": "in", "pulse": "1/min"}),
    sample=[{"chins": 5, "situps": 162, "jumps": 60}],
    data=Source("builtin", "scikit-learn: linnerud", _men),
    pipeline=lambda: make_pipeline(StandardScaler(), Ridge()),
)
