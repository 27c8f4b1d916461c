"""The surfaces under test and the framework's own predictions to compare them with."""

from collections.abc import Callable
from typing import Any

import bentoml
import lightgbm
import numpy as np
import pytest
import skops.io

from models.attrition.features import CATEGORIES, FEATURES
from models.card import ModelCard
from tests.contract.columns import BinaryColumns, GrpcColumns, JsonColumns
from tests.contract.surfaces import GrpcSurface, HttpSurface, LocalSurface, Surface

SURFACES: dict[str, Callable[[pytest.FixtureRequest], Surface]] = {
    "local": lambda request: LocalSurface(request.getfixturevalue("service_object")),
    "http": lambda request: HttpSurface(request.getfixturevalue("server").url),
    "grpc": lambda request: GrpcSurface(request.getfixturevalue("server").grpc),
    "v2-json": lambda request: JsonColumns(request.getfixturevalue("server").url),
    "v2-binary": lambda request: BinaryColumns(request.getfixturevalue("server").url),
    "v2-grpc": lambda request: GrpcColumns(request.getfixturevalue("server").grpc, raw=False),
    "v2-grpc-raw": lambda request: GrpcColumns(request.getfixturevalue("server").grpc, raw=True),
}


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> Surface:
    """Each surface in turn."""
    return SURFACES[request.param](request)


@pytest.fixture(scope="session")
def booster(stored_models: dict[str, bentoml.Model]) -> lightgbm.Booster:
    """The served LightGBM model, loaded by LightGBM itself."""
    return lightgbm.Booster(model_file=stored_models["attrition"].path_of("model.txt"))


@pytest.fixture(scope="session")
def pipeline(stored_models: dict[str, bentoml.Model]) -> Any:
    """The served scikit-learn pipeline, loaded by skops itself."""
    return skops.io.load(stored_models["topics"].path_of("model.skops"))


@pytest.fixture(scope="session")
def threshold(stored_models: dict[str, bentoml.Model]) -> float:
    """Decision threshold of the served attrition model."""
    card = ModelCard.read(stored_models["attrition"])
    assert card.threshold is not None
    return card.threshold


def encode(employees: list[dict[str, Any]]) -> np.ndarray:
    """Encodes records independently of the code under test."""
    return np.array(
        [
            [
                CATEGORIES[name].index(record[name]) if name in CATEGORIES else record[name]
                for name in FEATURES
            ]
            for record in employees
        ],
        dtype=float,
    )
