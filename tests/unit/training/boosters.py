"""Boosters that somebody else has fitted."""

from pathlib import Path
from typing import Any

import lightgbm

from tests.unit.training.conftest import Files, Toys
from training import rows
from training.data import load

QUIET = {"verbosity": -1, "num_threads": 1}


def booster(toys: Toys, files: Files, name: str = "loans", **parameters: Any) -> lightgbm.Booster:
    """A booster that somebody else has fitted on the same matrix."""
    read = rows.read(toys[name], load(str(files[name]))).examples(toys[name])
    names = parameters.pop("feature_name", "auto")
    features = parameters.pop("change", lambda matrix: matrix)(read.features)
    data = lightgbm.Dataset(features, read.target, feature_name=names)
    objective = "binary" if read.classes else "regression"
    return lightgbm.train({"objective": objective, **QUIET, **parameters}, data, 20)


def written(model: lightgbm.Booster, path: Path) -> Path:
    model.save_model(path)
    return path
