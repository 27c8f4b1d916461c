"""The library's own model to compare with, and models trained on each kind of data."""

from typing import Any

import bentoml
import pytest
import skops.io

from framework import Bundle
from models.topics import MODEL, Text, Topic


@pytest.fixture(scope="session")
def pipeline(stored_models: dict[str, bentoml.Model]) -> Any:
    """The served scikit-learn pipeline, loaded by skops itself."""
    return skops.io.load(stored_models["topics"].path_of("model.skops"))


@pytest.fixture(
    scope="module", params=["simulation", pytest.param("real", marks=pytest.mark.real_data)]
)
def topics(request: pytest.FixtureRequest) -> Bundle[Text, Topic]:
    """The model, trained on the simulation and on the real data."""
    if request.param == "simulation":
        return Bundle.load(MODEL, request.getfixturevalue("stored_models")["topics"])
    import training

    data = request.getfixturevalue("real_data")
    return Bundle.load(MODEL, training.train(MODEL, data=str(data / "ml_projects.csv")))
