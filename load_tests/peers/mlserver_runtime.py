"""A LightGBM model as an MLServer runtime: one tensor of features in, scores out."""

import os
from typing import Any

import lightgbm
import numpy as np
from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]


class Boosted(MLModel):  # type: ignore[misc]
    """Scores records that arrive as a float64 matrix: cheaper than the named fields of others."""

    async def load(self) -> bool:
        """Loads the booster that the others serve."""
        self._booster = lightgbm.Booster(model_file=os.environ["LOAD_TESTS_BOOSTER"])
        return True

    async def predict(self, payload: Any) -> Any:
        """Answers a request, or several that MLServer has joined."""
        features = NumpyCodec.decode_input(payload.inputs[0])
        scores = np.asarray(self._booster.predict(features, num_threads=1))
        output = NumpyCodec.encode_output("scores", scores)
        from mlserver.types import InferenceResponse  # type: ignore[import-not-found]

        return InferenceResponse(model_name=self.name, outputs=[output])
