"""The libraries themselves (LightGBM, scikit-learn): what computes without any code of ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np
import skops.io
from numpy.typing import NDArray

from framework import Binary, ModelCard, Multiclass
from framework.recipes.lightgbm import LightGBM
from framework.recipes.pipeline import MODEL_FILE, Pipeline
from load_tests.roles import AnyModel

Library = Callable[[NDArray[Any]], NDArray[Any]]


def model_files(stored: bentoml.Model) -> list[str]:
    """LightGBM's files in the order of the outputs: `model.txt`, `model-1.txt` and so on."""
    found = map(str, Path(stored.path).glob("model*.txt"))
    return sorted(found, key=lambda path: (len(path), path))


def library(model: AnyModel, stored: bentoml.Model) -> Library:
    """Returns what computes the scores of a feature matrix on one thread.

    A model that overrides the recipe is asked itself: nobody else knows what it should say.
    """
    if type(model) is LightGBM:
        boosters = [lightgbm.Booster(model_file=path) for path in model_files(stored)]
        return lambda features: _alone(
            [np.asarray(one.predict(features, num_threads=1)) for one in boosters]
        )
    if type(model) is Pipeline:
        pipeline = skops.io.load(stored.path_of(MODEL_FILE))
        if isinstance(model.task, Binary):
            return lambda features: np.asarray(pipeline.predict_proba(features)[:, 1])
        if isinstance(model.task, Multiclass):
            return lambda features: np.asarray(pipeline.predict_proba(features))
        return lambda features: np.asarray(pipeline.predict(features))
    estimator = model.load(stored.path_of, ModelCard.read(stored))
    return lambda features: model.scores(estimator, features)


def _alone(outputs: list[NDArray[Any]]) -> NDArray[Any]:
    return outputs[0] if len(outputs) == 1 else np.column_stack(outputs)
