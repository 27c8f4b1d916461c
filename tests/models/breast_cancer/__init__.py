"""Whether a tumour is malignant: logistic regression on the cells of a fine-needle aspirate."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from framework import Binary, Source
from framework.recipes.pipeline import Pipeline

Measure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Measures = Annotated[list[Measure], Field(min_length=10, max_length=10)]


class Nuclei(BaseModel):
    """The cell nuclei of one image: ten measures each, from radius to fractal dimension."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    mean: Measures = Field(description="Means over the nuclei.")
    error: Measures = Field(description="Standard errors of the means.")
    worst: Measures = Field(description="Means of the three largest values.")


class Diagnosis(BaseModel):
    """The judgement on one image."""

    probability: float = Field(ge=0, le=1, description="Probability that it is malignant.")
    malignant: bool = Field(description="Whether the probability reaches the threshold.")


def _images() -> dict[str, Any]:
    data = load_breast_cancer()
    names = [f"{group}_{at}" for group in Nuclei.model_fields for at in range(10)]
    columns = dict(zip(names, data.data.T, strict=True))
    return {**columns, "diagnosis": data.target_names[data.target]}


SAMPLE = {
    "mean": [18.0, 10.4, 122.8, 1001.0, 0.118, 0.278, 0.3, 0.147, 0.242, 0.079],
    "error": [1.1, 0.91, 8.6, 153.4, 0.0064, 0.049, 0.054, 0.016, 0.03, 0.0062],
    "worst": [25.4, 17.3, 184.6, 2019.0, 0.162, 0.666, 0.712, 0.265, 0.46, 0.119],
}
CLASSES = ("benign", "malignant")
MODEL = Pipeline[Nuclei, Diagnosis](
    name="breast_cancer",
    record=Nuclei,
    rows="images",
    answer=Diagnosis,
    target="diagnosis",
    task=Binary(classes=CLASSES, labels=CLASSES),
    sample=[SAMPLE],
    data=Source("builtin", "scikit-learn: breast cancer", _images),
    pipeline=lambda: make_pipeline(StandardScaler(), LogisticRegression()),
)
