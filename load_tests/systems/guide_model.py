"""The model of `fastapi-guide`: one-hot encoding and LightGBM's scikit-learn estimator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

from framework import Regression
from load_tests.roles import AnyModel


class GuideModel:
    """Encoder and estimator, fitted; the same rows give the same model in every process.

    Args:
        model: What is imitated.
        rows: Records, as JSON has them.
        target: What is true of each.
    """

    def __init__(
        self, model: AnyModel, rows: Sequence[dict[str, Any]], target: Sequence[Any]
    ) -> None:
        frame = pd.DataFrame(list(rows))
        self._categorical = [name for name in frame if name in model.encoder.categories]
        self._numeric = [name for name in frame if name not in self._categorical]
        self._encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        if self._categorical:
            self._encoder.fit(frame[self._categorical])
        estimator = LGBMRegressor if isinstance(model.task, Regression) else LGBMClassifier
        self._estimator = estimator(
            n_estimators=100,
            num_leaves=15,
            # One thread: a team of threads costs more to wake than one row costs to score.
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )
        self._estimator.fit(self._features(frame), np.asarray(target))

    def predict(self, frame: pd.DataFrame) -> Any:
        """Says what is to be expected of the first row: a class, or a number."""
        return self._estimator.predict(self._features(frame))[0].item()

    def _features(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        numbers = frame[self._numeric].to_numpy(dtype=float)
        if not self._categorical:
            return numbers
        return np.hstack([numbers, self._encoder.transform(frame[self._categorical])])
