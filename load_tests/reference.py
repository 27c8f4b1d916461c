"""The right answers: what the frameworks themselves say about the same rows."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import bentoml
import lightgbm
import numpy as np
import skops.io
from bentoml.exceptions import NotFound
from numpy.typing import NDArray

from load_tests.data import Data
from models.attrition.features import matrix_from_columns
from models.attrition.predictor import MODEL_FILE as BOOSTER_FILE
from models.card import ModelCard
from models.topics.predictor import MODEL_FILE as PIPELINE_FILE

TOLERANCE = 1e-9


class WrongAnswerError(Exception):
    """A system gave another answer than the framework."""


class Reference:
    """The models of the store, asked directly: no server, no schema, none of the predictors.

    Args:
        data: The rows, for the models that systems fit for themselves.

    Raises:
        SystemExit: The store lacks a model.
    """

    def __init__(self, data: Data) -> None:
        try:
            self.attrition_model = bentoml.models.get("attrition:latest")
            self.topics_model = bentoml.models.get("topics:latest")
        except NotFound:
            raise SystemExit(
                "The BentoML store lacks a model: run `make train` first (BENTOML_HOME names "
                "the store)."
            ) from None
        self.booster_path = self.attrition_model.path_of(BOOSTER_FILE)
        self._booster = lightgbm.Booster(model_file=self.booster_path)
        self._pipeline: Any = skops.io.load(self.topics_model.path_of(PIPELINE_FILE))
        self._threshold = ModelCard.read(self.attrition_model).threshold or 0.0
        self._data = data

    @property
    def tags(self) -> dict[str, str]:
        """Environment variables that name the exact models."""
        return {
            "ATTRITION_MODEL": str(self.attrition_model.tag),
            "TOPICS_MODEL": str(self.topics_model.tag),
        }

    def matrix(self, rows: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
        """The features of the rows."""
        return matrix_from_columns({name: [row[name] for row in rows] for name in rows[0]})

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """LightGBM's probability of leaving for each row of a matrix, on one thread."""
        return np.asarray(self._booster.predict(matrix, num_threads=1))

    def probabilities(self, rows: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
        """LightGBM's probability of leaving for each row."""
        return self.predict(self.matrix(rows))

    def check_attrition(self, rows: Sequence[dict[str, Any]], answers: list[Any]) -> None:
        """Compares answers of `/attrition/predict` with LightGBM's.

        Raises:
            WrongAnswerError: They differ.
        """
        expected = self.probabilities(rows)
        _require_close(expected, [answer["probability"] for answer in answers])
        leaves = [answer["leaves"] for answer in answers]
        if leaves != (expected >= self._threshold).tolist():
            raise WrongAnswerError("`leaves` does not follow from the probability")

    def check_topics(self, rows: Sequence[dict[str, Any]], answers: list[Any]) -> None:
        """Compares answers of `/topics/predict` with those of the scikit-learn pipeline.

        Raises:
            WrongAnswerError: They differ.
        """
        expected = self._pipeline.predict_proba([row["text"] for row in rows])
        names = [str(name) for name in self._pipeline.classes_]
        if len(answers) != len(rows):
            raise WrongAnswerError(f"{len(answers)} answers to {len(rows)} rows")
        for row, answer in zip(expected, answers, strict=True):
            _require_close(row, [answer["probabilities"][name] for name in names])
            _require_close([row.max()], [answer["probability"]])
            if answer["topic"] != names[int(row.argmax())]:
                raise WrongAnswerError("`topic` is not the most probable one")

    def check_guide(self, rows: Sequence[dict[str, Any]], answer: Any) -> None:
        """Compares an answer of `fastapi-guide` with its own model, fitted once more here.

        Raises:
            WrongAnswerError: They differ.
        """
        import pandas as pd

        expected = self._guide.predict(pd.DataFrame(list(rows)))
        if answer != {"prediction": expected}:
            raise WrongAnswerError(f"{answer} instead of {expected}")

    @cached_property
    def _guide(self) -> Any:
        import pandas as pd

        from load_tests.systems.guide_model import GuideModel

        return GuideModel(pd.DataFrame(self._data.employees), self._data.left)


def require_probabilities(reference: Reference, rows: Sequence[Any], answers: list[float]) -> None:
    """Compares bare probabilities with LightGBM's.

    Raises:
        WrongAnswerError: They differ.
    """
    _require_close(reference.probabilities(rows), answers)


def _require_close(expected: Any, actual: list[float]) -> None:
    if len(expected) != len(actual):
        raise WrongAnswerError(f"{len(actual)} answers to {len(expected)} rows")
    difference = float(np.abs(np.asarray(expected) - np.asarray(actual)).max())
    if not difference <= TOLERANCE:
        raise WrongAnswerError(f"a probability is off by {difference:.3g}")
