"""What the answers of a binary model are worth, and from which probability on it says yes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from framework.evaluation.base import Flags, Metrics
from framework.evaluation.classification import Classification


@dataclass(frozen=True)
class BinaryEvaluation(Classification):
    """Yes or no; precision, recall and F1 speak of the second class.

    Attributes:
        probability: Probability of the second class.
        threshold: From where on it is decided for.
    """

    probability: NDArray[np.float64]
    threshold: float

    judged: ClassVar[tuple[str, ...]] = ("roc_auc", "brier")

    @property
    def predicted(self) -> NDArray[np.intp]:
        """See `Classification`."""
        return (self.probability >= self.threshold).astype(np.intp)

    @property
    def by_class(self) -> NDArray[np.float64]:
        """See `Classification`."""
        return np.column_stack([1 - self.probability, self.probability])

    @property
    def losses(self) -> NDArray[np.float64]:
        """See `Evaluation`."""
        # Of two classes both errors are the same, and Brier's score counts one of them.
        return super().losses / 2

    def metrics(self, rows: Flags) -> Metrics:
        """See `Evaluation`."""
        metrics = self._shared(rows, "macro", positive=1)
        # The area under the curve exists only where both classes occur.
        labels = self.labels[rows]
        if 0 < labels.sum() < len(labels):
            metrics["roc_auc"] = float(roc_auc_score(labels == 1, self.probability[rows]))
        return metrics

    def told_apart(self) -> list[int]:
        """See `Classification`."""
        return [1]

    def confidence(self) -> tuple[NDArray[np.float64], Flags, str, str]:
        """See `Classification`."""
        name = self.classes[1]
        return (
            self.probability,
            self.labels == 1,
            f"Predicted probability of “{name}”",
            f"Observed share of “{name}”",
        )

    @property
    def reading(self) -> str:
        """See `Evaluation`."""
        return (
            f"Precision, recall and F1: “{self.classes[1]}”, from a probability of "
            f"{self.threshold:g} on."
        )


def best_threshold(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Returns the probability, in whole percents, from which on "yes" gives the highest F1.

    Of equally good ones the nearest to 0.5 is returned: it has the most room on both sides.
    """
    thresholds = np.arange(1, 100) / 100
    decided = probabilities[None, :] >= thresholds[:, None]
    right = (decided & labels).sum(axis=1)
    f1 = 2 * right / (decided.sum(axis=1) + labels.sum())
    best = thresholds[np.isclose(f1, f1.max(), rtol=0, atol=1e-12)]
    return float(best[np.abs(best - 0.5).argmin()])
