"""How far diabetes goes within a year: boosted trees on an examination with gaps."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sklearn.datasets import load_diabetes

from framework import Regression, Source
from framework.recipes.lightgbm import LightGBM

Concentration = Annotated[float, Field(ge=0, le=5_000, allow_inf_nan=False)]
# The data set is complete: one value in twelve of these is taken out, always the same ones.
GAPS = ("sex", "bmi", "bp", "s4", "s5", "s6")


class Patient(BaseModel):
    """One patient at the first examination; what was not measured is missing."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    age: int = Field(ge=0, le=120, description="Age in years.")
    sex: Literal["1", "2"] | None = Field(description="Sex, in the study's own code.")
    bmi: float | None = Field(gt=0, le=200, description="Body mass index, kg/m².")
    bp: float | None = Field(ge=0, le=400, description="Average blood pressure, mm Hg.")
    s1: Concentration = Field(description="Total cholesterol in the serum, mg/dl.")
    s2: Concentration = Field(description="Low-density lipoproteins, mg/dl.")
    s3: Concentration = Field(description="High-density lipoproteins, mg/dl.")
    s4: float | None = Field(ge=0, le=100, description="Total cholesterol over HDL.")
    s5: float | None = Field(ge=-10, le=10, description="Logarithm of the triglycerides.")
    s6: Concentration | None = Field(default=None, description="Blood sugar, mg/dl.")


class Progression(BaseModel):
    """What to expect of one patient."""

    progression: float = Field(description="Progression of the disease a year later.")


def _patients() -> dict[str, Any]:
    data = load_diabetes(scaled=False)
    columns = dict(zip(data.feature_names, data.data.T.tolist(), strict=True))
    columns["age"] = [int(age) for age in columns["age"]]
    columns["sex"] = [str(int(code)) for code in columns["sex"]]
    for place, name in enumerate(GAPS):
        columns[name][place::12] = [None] * len(columns[name][place::12])
    return {**columns, "progression": data.target}


VALUES = (59, "2", 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.86, 87.0)
MODEL = LightGBM[Patient, Progression](
    name="diabetes",
    record=Patient,
    rows="patients",
    answer=Progression,
    target="progression",
    task=Regression(unit="points of the study's scale"),
    sample=[dict(zip(Patient.model_fields, VALUES, strict=True))],
    data=Source("builtin", "scikit-learn: diabetes", _patients),
)
