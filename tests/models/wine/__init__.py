"""Which of three cultivars a wine was made of: boosted trees on a chemical analysis."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sklearn.datasets import load_wine

from framework import Multiclass, Source
from framework.recipes.lightgbm import LightGBM

Amount = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


class Analysis(BaseModel):
    """The chemical analysis of one wine."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    alcohol: float = Field(ge=0, le=100, description="Alcohol, percent by volume.")
    malic_acid: Amount = Field(description="Malic acid, g/l.")
    ash: Amount = Field(description="Ash, g/l.")
    alcalinity_of_ash: Amount = Field(description="Alkalinity of the ash, meq/l.")
    magnesium: int = Field(ge=0, le=10_000, description="Magnesium, mg/l.")
    total_phenols: Amount = Field(description="Phenols in all.")
    flavanoids: Amount = Field(description="Flavanoids.")
    nonflavanoid_phenols: Amount = Field(description="Phenols that are no flavanoids.")
    proanthocyanins: Amount = Field(description="Proanthocyanins.")
    color_intensity: Amount = Field(description="Intensity of the colour.")
    hue: Amount = Field(description="Hue of the colour.")
    od280_od315_of_diluted_wines: Amount = Field(description="Absorbance at 280 over 315 nm.")
    proline: int = Field(ge=0, le=100_000, description="Proline, mg/l.")


class Cultivar(BaseModel):
    """Where one wine comes from."""

    cultivar: int = Field(description="The most probable cultivar.")
    probability: float = Field(ge=0, le=1, description="Probability of that cultivar.")
    probabilities: dict[str, float] = Field(description="Every cultivar → its probability.")


def _wines() -> dict[str, Any]:
    data = load_wine()
    columns = dict(zip(Analysis.model_fields, data.data.T, strict=True))
    whole = {name: columns[name].astype(int) for name in ("magnesium", "proline")}
    return {**columns, **whole, "cultivar": data.target}


VALUES = (14.2, 1.71, 2.43, 15.6, 127, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065)
MODEL = LightGBM[Analysis, Cultivar](
    name="wine",
    record=Analysis,
    rows="wines",
    answer=Cultivar,
    target="cultivar",
    task=Multiclass(),
    sample=[dict(zip(Analysis.model_fields, VALUES, strict=True))],
    data=Source("builtin", "scikit-learn: wine", _wines),
    derived=lambda wine: {"tint": wine["hue"] * wine["color_intensity"]},
)
