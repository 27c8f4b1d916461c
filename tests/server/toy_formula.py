"""A recipe without training: the scores of a model are a formula of its feature matrix."""

from collections.abc import Callable
from typing import Any

import bentoml
import numpy as np
from numpy.typing import NDArray

from framework import Model, ModelCard
from framework.answers import AnswerT
from framework.fitting import Examples, Fitted, Progress
from framework.records import RecordT
from framework.tasks import Scores
from tests.unit.framework.fitted import stored

Formula = Callable[[NDArray[Any]], Scores]


class Computed(Model[RecordT, AnswerT]):
    """A model that computes.

    Args:
        formula: Feature matrix → scores.
        classes: Names of the classes, if it has some.
        common: See `Model`.
    """

    framework = "numpy"

    def __init__(self, *, formula: Formula, classes: tuple[str, ...] = (), **common: Any) -> None:
        super().__init__(**common)
        self.formula = formula
        self.classes = classes

    def fit(self, train: Examples, validation: Examples | None, seed: int, bar: Progress) -> Fitted:
        """See `Model`: there is nothing to fit."""
        return Fitted(files={}, estimator=self.formula, parameters={})

    def load(self, path_of: Callable[[str], str], card: ModelCard) -> Formula:
        """See `Model`."""
        return self.formula

    def scores(self, estimator: Formula, features: NDArray[Any]) -> Scores:
        """See `Model`."""
        return estimator(features)

    def store(self) -> bentoml.Model:
        """Stores it as training does a model, its samples as golden examples."""
        records = self.encoder.from_records(
            [self.record.model_validate(one) for one in self.sample]
        )
        target = np.zeros(len(records))
        return stored(self, Examples(records, self.features(records), target, self.classes))
