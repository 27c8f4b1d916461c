"""Held-out metrics of a classifier: overall, per class and per slice, as plain JSON numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

Metrics = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What a model said about rows it has not seen, and what was true.

    Attributes:
        classes: Class names; labels and predictions are positions in this list.
        labels: The true class of every row.
        probabilities: Probability of every class for every row.
        predicted: The class the model decided on, for every row.
        positive: The class that overall precision, recall and F1 speak of, when there are two
            classes; otherwise they are averages weighted by class size.
        slices: Slice name (`feature=value`) → which rows belong to it.
    """

    classes: list[str]
    labels: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.intp]
    positive: int | None = None
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def performance(self) -> dict[str, Metrics]:
        """Returns the metrics of all rows, of each class, and of each slice that has rows."""
        result = {"overall": self._metrics(np.ones(len(self.labels), dtype=bool))}
        precision, recall, f1, rows = precision_recall_fscore_support(
            self.labels, self.predicted, labels=range(len(self.classes)), zero_division=0
        )
        for index, name in enumerate(self.classes):
            result[name] = {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "rows": float(rows[index]),
            }
        result |= {name: self._metrics(rows) for name, rows in self.slices.items() if rows.any()}
        return result

    def varied_rows(self, count: int = 8) -> list[int]:
        """Returns up to `count` rows that cover all predicted classes, from unsure to sure."""
        sureness = self.probabilities.max(axis=1)
        each = max(1, count // len(self.classes))
        chosen: list[int] = []
        for index in range(len(self.classes)):
            rows = np.flatnonzero(self.predicted == index)
            rows = rows[np.argsort(sureness[rows], kind="stable")]
            if len(rows):
                steps = np.linspace(0, len(rows) - 1, min(each, len(rows))).round().astype(int)
                chosen += rows[steps].tolist()
        return chosen[:count]

    def _metrics(self, rows: NDArray[np.bool_]) -> Metrics:
        labels, predicted = self.labels[rows], self.predicted[rows]
        probabilities = self.probabilities[rows]
        binary = self.positive is not None
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels,
            predicted,
            labels=[self.positive] if binary else None,
            average="macro" if binary else "weighted",
            zero_division=0,
        )
        truth = np.eye(len(self.classes))[labels]
        errors = ((probabilities - truth) ** 2).sum(axis=1)
        metrics = {
            "rows": float(len(labels)),
            "accuracy": accuracy_score(labels, predicted),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "log_loss": -np.log(probabilities[truth == 1].clip(1e-15)).mean(),
            # Of two classes both errors are the same, and Brier's score counts one of them.
            "brier": errors.mean() / (2 if binary else 1),
        }
        # The area under the curve exists only where every class occurs.
        if len(np.unique(labels)) == len(self.classes):
            metrics["roc_auc"] = (
                roc_auc_score(labels == self.positive, probabilities[:, self.positive])
                if self.positive is not None
                else roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
            )
        if not binary:
            present = np.unique(labels).tolist()
            metrics["macro_f1"] = precision_recall_fscore_support(
                labels, predicted, labels=present, average="macro", zero_division=0
            )[2]
        return {name: float(value) for name, value in metrics.items()}


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
