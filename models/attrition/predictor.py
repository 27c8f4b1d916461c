"""The attrition predictor: LightGBM's own text model, no pickle, no pandas."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import bentoml
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.attrition.features import CATEGORIES, FEATURES, matrix, matrix_from_columns
from models.attrition.schema import Attrition, AttritionExplanation, Contribution, Employee
from models.card import ModelCard
from models.imports import without

# LightGBM imports both to accept their types, which nothing here passes: 60 MB in every worker.
with without("pandas", "pyarrow"):
    import lightgbm
    from lightgbm.basic import _LIB  # type: ignore[attr-defined]

_LIB.LGBM_GetLastError.restype = ctypes.c_char_p

MODEL_FILE = "model.txt"

# Constants of LightGBM's C API (c_api.h): C_API_DTYPE_FLOAT64, C_API_PREDICT_NORMAL.
_FLOAT64 = 1
_PREDICT_NORMAL = 0

_answers = TypeAdapter(list[Attrition])


class AttritionPredictor:
    """Judges employees with one stored LightGBM booster."""

    record_type = Employee
    prediction_type = Attrition
    labels: Mapping[str, Sequence[str]] = {}
    features_from_columns = staticmethod(matrix_from_columns)

    def __init__(self, tag: str, card: ModelCard, booster: lightgbm.Booster) -> None:
        if card.threshold is None:
            raise ValueError(f"The card of {tag} has no decision threshold.")
        self.tag = tag
        self.card = card
        self.threshold = card.threshold
        self._booster = booster

    @classmethod
    def load(cls, model: bentoml.Model) -> Self:
        """Loads the predictor from a model that `python -m training attrition` stored.

        Raises:
            models.card.ModelRefusedError: The model cannot be served by this code.
        """
        card = ModelCard.read(model)
        card.require_compatible(model.tag, FEATURES, CATEGORIES)
        return cls(str(model.tag), card, lightgbm.Booster(model_file=model.path_of(MODEL_FILE)))

    def predict(self, employees: Sequence[Employee]) -> list[Attrition]:
        """Judges employees, one answer each, in order."""
        threshold = self.threshold
        # One call for the whole list takes half the time of a constructor call for each.
        return _answers.validate_python(
            [
                {"probability": probability, "leaves": probability >= threshold}
                for probability in self.probabilities(matrix(employees)).tolist()
            ]
        )

    def predict_features(self, features: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Judges the rows of a feature matrix; returns the fields of the answers as columns."""
        probabilities = self.probabilities(features)
        return {"probability": probabilities, "leaves": probabilities >= self.threshold}

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of leaving for every row of a matrix made by `models.attrition.features`."""
        rows, columns = features.shape
        features = np.ascontiguousarray(features, dtype=np.float64)
        probabilities = np.empty(rows, dtype=np.float64)
        # LightGBM's C API, because `Booster.predict` leaves reference cycles behind (those of
        # `ctypes.cast`): thousands a second, on which the garbage collector then stalls a worker.
        failed = _LIB.LGBM_BoosterPredictForMat(
            self._booster._handle,  # noqa: SLF001
            ctypes.c_void_p(features.ctypes.data),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(rows),
            ctypes.c_int32(columns),
            ctypes.c_int(1),  # row after row
            ctypes.c_int(_PREDICT_NORMAL),
            ctypes.c_int(0),  # from the first tree …
            ctypes.c_int(-1),  # … to the last
            # Workers, not threads, share out the cores; a team of threads costs more to wake
            # than a small batch costs to score.
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(ctypes.c_int64(rows)),
            ctypes.c_void_p(probabilities.ctypes.data),
        )
        if failed:
            raise RuntimeError(f"LightGBM: {_LIB.LGBM_GetLastError().decode()}")
        return probabilities

    def explain(self, employees: Sequence[Employee]) -> list[AttritionExplanation]:
        """Explains the judgement on each employee by exact tree SHAP values (from LightGBM)."""
        features = matrix(employees)
        probabilities = self.probabilities(features).tolist()
        shap = cast(
            NDArray[np.float64],
            self._booster.predict(features, num_threads=1, pred_contrib=True),
        ).tolist()
        return [
            _explanation(employee, probability, contributions)
            for employee, probability, contributions in zip(
                employees, probabilities, shap, strict=True
            )
        ]


def _explanation(employee: Employee, probability: float, shap: list[float]) -> AttritionExplanation:
    *values, base_value = shap
    contributions = sorted(
        (
            Contribution(feature=name, value=getattr(employee, name), contribution=value)
            for name, value in zip(FEATURES, values, strict=True)
        ),
        key=lambda contribution: -abs(contribution.contribution),
    )
    raw_score = base_value
    for contribution in contributions:
        raw_score += contribution.contribution
    return AttritionExplanation(
        probability=probability,
        base_value=base_value,
        raw_score=raw_score,
        contributions=contributions,
    )
