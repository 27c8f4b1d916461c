"""The model of `fastapi-guide`: one-hot encoding and LightGBM's scikit-learn classifier."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

CATEGORICAL = ["department", "salary"]


class GuideModel:
    """Encoder and classifier, fitted; the same rows give the same model in every process."""

    def __init__(self, frame: pd.DataFrame, left: Sequence[int]) -> None:
        self._encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self._encoder.fit(frame[CATEGORICAL])
        self._classifier = LGBMClassifier(
            n_estimators=100,
            num_leaves=15,
            # One thread: a team of threads costs more to wake than one row costs to score.
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )
        self._classifier.fit(self._features(frame), np.asarray(left))

    def predict(self, frame: pd.DataFrame) -> int:
        """Says of the first row whether the employee leaves (1) or not (0)."""
        return int(self._classifier.predict(self._features(frame))[0])

    def _features(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        encoded = self._encoder.transform(frame[CATEGORICAL])
        return np.hstack([frame.drop(columns=CATEGORICAL).to_numpy(dtype=float), encoded])
