"""What the answers of a multiclass model are worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from framework.evaluation.base import Flags, Metrics
from framework.evaluation.classification import Classification


@dataclass(frozen=True)
class MulticlassEvaluation(Classification):
    """One of several classes; precision, recall and F1 are averages weighted by class size.

    Attributes:
        probabilities: Probability of every class for every row, shape `[N, classes]`.
    """

    probabilities: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.intp]:
        """See `Classification`."""
        decided: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return decided

    @property
    def by_class(self) -> NDArray[np.float64]:
        """See `Classification`."""
        return self.probabilities

    def metrics(self, rows: Flags) -> Metrics:
        """See `Evaluation`."""
        metrics = self._shared(rows, "weighted")
        labels = self.labels[rows]
        present = np.unique(labels).tolist()
        # The area under the curve exists only where every class occurs.
        if len(present) == len(self.classes):
            metrics["roc_auc"] = self._area(rows)
        metrics["macro_f1"] = float(
            precision_recall_fscore_support(
                labels, self.predicted[rows], labels=present, average="macro", zero_division=0
            )[2]
        )
        return metrics

    def told_apart(self) -> list[int]:
        """See `Classification`."""
        return list(range(len(self.classes)))

    def confidence(self) -> tuple[NDArray[np.float64], Flags, str, str]:
        """See `Classification`."""
        return (
            self.probabilities.max(axis=1),
            self.predicted == self.labels,
            "Confidence of the answer",
            "Share of right answers",
        )

    @property
    def reading(self) -> str:
        """See `Evaluation`."""
        return "Precision, recall and F1: all classes, weighted by their size."

    def _area(self, rows: Flags) -> float:
        """Returns the mean area under the curves of each class against the rest."""
        labels, probabilities = self.labels[rows], self.probabilities[rows]
        areas = [
            roc_auc_score(labels == index, probabilities[:, index])
            for index in range(len(self.classes))
        ]
        return float(np.mean(areas))
