"""What the evaluations of binary and multiclass models have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from framework.evaluation.base import GOLDEN, Evaluation, Flags, Metrics, Plot, spread

# Of more classes than this not each has a golden example.
MOST_GOLDEN = 32
OneAgainstRest = list[tuple[str, Flags, NDArray[np.float64]]]
"""Name of a class, which rows are of it, and its probability."""


@dataclass(frozen=True)
class Classification(Evaluation):
    """Answers that are one of several classes.

    Attributes:
        classes: Class names; labels and predictions are positions in this list.
        labels: The true class of every row.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.intp]

    headings: ClassVar[Mapping[str, str]] = {
        "rows": "Rows",
        "roc_auc": "ROC AUC",
        "accuracy": "Accuracy",
        "precision": "Precision",
        "recall": "Recall",
        "f1": "F1",
        "macro_f1": "Macro F1",
        "log_loss": "Log loss",
        "brier": "Brier",
    }
    # Whether it is right, and whether it is as sure as it may be.
    judged: ClassVar[tuple[str, ...]] = ("accuracy", "brier")
    loss: ClassVar[str] = "Brier score"
    parts_title: ClassVar[str] = "Classes"

    @property
    @abstractmethod
    def predicted(self) -> NDArray[np.intp]:
        """The class that the model decided on, for every row."""

    @property
    @abstractmethod
    def by_class(self) -> NDArray[np.float64]:
        """Probability of every class for every row, shape `[N, classes]`."""

    @abstractmethod
    def told_apart(self) -> list[int]:
        """Returns the classes that curves are drawn of."""

    @abstractmethod
    def confidence(self) -> tuple[NDArray[np.float64], Flags, str, str]:
        """Returns how sure the model is, what came true of it, and what the two are called."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def losses(self) -> NDArray[np.float64]:
        """See `Evaluation`; bounded, so that no single row decides a comparison."""
        truth = np.eye(len(self.classes))[self.labels]
        squared: NDArray[np.float64] = ((self.by_class - truth) ** 2).sum(axis=1)
        return squared

    def parts(self) -> dict[str, Metrics]:
        """See `Evaluation`."""
        precision, recall, f1, rows = precision_recall_fscore_support(
            self.labels, self.predicted, labels=range(len(self.classes)), zero_division=0
        )
        return {
            name: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "rows": float(rows[index]),
            }
            for index, name in enumerate(self.classes)
        }

    def varied_rows(self) -> list[int]:
        """Returns rows that cover all predicted classes, from unsure to sure."""
        sureness = self.by_class.max(axis=1)
        count = max(GOLDEN, min(len(self.classes), MOST_GOLDEN))
        chosen: list[int] = []
        for index in range(len(self.classes)):
            rows = np.flatnonzero(self.predicted == index)
            if len(rows):
                order = rows[np.argsort(sureness[rows], kind="stable")]
                chosen += spread(order, max(1, count // len(self.classes)))
        return chosen[:count]

    def plots(self) -> list[Plot]:
        """See `Evaluation`."""
        from framework.evaluation import plots

        curves = [
            (self.classes[index], self.labels == index, self.by_class[:, index])
            for index in self.told_apart()
        ]
        # A class without held-out rows, or with nothing else, has no curve.
        curves = [curve for curve in curves if 0 < curve[1].sum() < len(self)]
        return [
            ("ROC curve", plots.roc(curves)),
            ("Precision and recall", plots.precision_recall(curves)),
            ("Calibration", plots.calibration(*self.confidence())),
            ("Confusion matrix", plots.confusion(self.classes, self.labels, self.predicted)),
        ]

    @property
    def target_facts(self) -> list[tuple[str, str]]:
        """See `Evaluation`."""
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return [
            (f"of these {name}", f"{count:,} ({count / len(self):.1%})")
            for name, count in zip(self.classes, counts, strict=True)
        ]

    def _shared(self, rows: Flags, average: str, positive: int | None = None) -> Metrics:
        """Returns the metrics that both tasks have."""
        labels, predicted = self.labels[rows], self.predicted[rows]
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels,
            predicted,
            labels=None if positive is None else [positive],
            average=average,
            zero_division=0,
        )
        truth = np.eye(len(self.classes))[labels]
        probabilities = self.by_class[rows]
        return {
            "rows": float(len(labels)),
            "accuracy": float(accuracy_score(labels, predicted)),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "log_loss": float(-np.log(probabilities[truth == 1].clip(1e-15)).mean()),
            "brier": float(self.losses[rows].mean()),
        }
