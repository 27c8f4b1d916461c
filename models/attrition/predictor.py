"""The attrition predictor: LightGBM's own text model, no pickle, no pandas."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import bentoml
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.attrition.features import CATEGORIES, FEATURES, matrix, matrix_from_columns
from models.attrition.schema import Attrition, AttritionExplanation, Contribution, Employee
from models.attrition.scorer import Scorer
from models.card import ModelCard

MODEL_FILE = "model.txt"

_answers = TypeAdapter(list[Attrition])


class AttritionPredictor:
    """Judges employees with one stored LightGBM booster."""

    record_type = Employee
    prediction_type = Attrition
    labels: Mapping[str, Sequence[str]] = {}
    features_from_columns = staticmethod(matrix_from_columns)

    def __init__(self, tag: str, card: ModelCard, scorer: Scorer) -> None:
        if card.threshold is None:
            raise ValueError(f"The card of {tag} has no decision threshold.")
        self.tag = tag
        self.card = card
        self.threshold = card.threshold
        self._scorer = scorer

    @classmethod
    def load(cls, model: bentoml.Model) -> Self:
        """Loads the predictor from a model that `python -m training attrition` stored.

        Raises:
            models.card.ModelRefusedError: The model cannot be served by this code.
        """
        card = ModelCard.read(model)
        card.require_compatible(model.tag, FEATURES, CATEGORIES)
        return cls(str(model.tag), card, Scorer.load(model.path_of(MODEL_FILE)))

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
        return self._scorer(features)

    def explain(self, employees: Sequence[Employee]) -> list[AttritionExplanation]:
        """Explains the judgement on each employee by exact tree SHAP values (from LightGBM)."""
        features = matrix(employees)
        probabilities = self.probabilities(features).tolist()
        shap = self._scorer.contributions(features).tolist()
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
