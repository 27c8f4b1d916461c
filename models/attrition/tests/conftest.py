"""The library's own model to compare with, and models trained on each kind of data."""

import bentoml
import lightgbm
import pytest

from framework import Bundle, ModelCard
from models.attrition import MODEL, Attrition, Employee


@pytest.fixture(scope="session")
def booster(stored_models: dict[str, bentoml.Model]) -> lightgbm.Booster:
    """The served LightGBM model, loaded by LightGBM itself."""
    return lightgbm.Booster(model_file=stored_models["attrition"].path_of("model.txt"))


@pytest.fixture(scope="session")
def threshold(stored_models: dict[str, bentoml.Model]) -> float:
    """Decision threshold of the served model."""
    card = ModelCard.read(stored_models["attrition"])
    assert card.threshold is not None
    return card.threshold


@pytest.fixture(
    scope="module", params=["simulation", pytest.param("real", marks=pytest.mark.real_data)]
)
def attrition(request: pytest.FixtureRequest) -> Bundle[Employee, Attrition]:
    """The model, trained on the simulation and on the real data."""
    if request.param == "simulation":
        return Bundle.load(MODEL, request.getfixturevalue("stored_models")["attrition"])
    import training

    data = request.getfixturevalue("real_data")
    return Bundle.load(MODEL, training.train(MODEL, data=str(data / "hr_turnover.csv")))
