"""What the answers of a model of several outputs are worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from framework.evaluation.base import GOLDEN, Evaluation, Flags, Metrics, Plot, spread
from framework.evaluation.regression import HEADINGS, errors_reading, number_metrics, ranged


@dataclass(frozen=True)
class MultiOutputEvaluation(Evaluation):
    """Several numbers.

    Attributes:
        names: What they are.
        truth: The true values of every row, shape `[N, outputs]`.
        predicted: The model's.
        means: The values that a model would always give that has learnt nothing but the means.
        units: Name → unit, of those that have one.
    """

    names: tuple[str, ...]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    means: NDArray[np.float64]
    units: Mapping[str, str] = field(default_factory=dict)

    headings: ClassVar[Mapping[str, str]] = HEADINGS
    judged: ClassVar[tuple[str, ...]] = ("rmse",)
    loss: ClassVar[str] = "mean squared error, each target's in units of its variance"
    parts_title: ClassVar[str] = "Targets"

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def losses(self) -> NDArray[np.float64]:
        """See `Evaluation`; whatever their units, all targets count alike."""
        variances = self.truth.var(axis=0)
        squared = (self.predicted - self.truth) ** 2 / np.where(variances > 0, variances, 1)
        mean: NDArray[np.float64] = squared.mean(axis=1)
        return mean

    def metrics(self, rows: Flags) -> Metrics:
        """Returns the averages over the targets."""
        each = list(self._each(rows).values())
        # A target that does not vary in these rows has no R², so there is no average of all.
        shared = [name for name in HEADINGS if all(name in one for one in each)]
        return {name: float(np.mean([one[name] for one in each])) for name in shared}

    def parts(self) -> dict[str, Metrics]:
        """See `Evaluation`."""
        return self._each(np.ones(len(self), dtype=bool))

    def varied_rows(self) -> list[int]:
        """Returns rows from small answers to large ones, all outputs counting alike."""
        scale = np.maximum(self.predicted.std(axis=0), 1e-12)
        size = ((self.predicted - self.predicted.mean(axis=0)) / scale).sum(axis=1)
        return spread(np.argsort(size, kind="stable"), GOLDEN)

    def plots(self) -> list[Plot]:
        """See `Evaluation`."""
        from framework.evaluation import plots

        found: list[Plot] = []
        for at, name in enumerate(self.names):
            truth, predicted = self.truth[:, at], self.predicted[:, at]
            unit = f" ({self.units[name]})" if name in self.units else ""
            found.append((f"{name}: predicted and true", plots.agreement(truth, predicted, unit)))
            found.append((f"{name}: errors", plots.errors(truth, predicted, unit)))
        return found

    @property
    def reading(self) -> str:
        """See `Evaluation`."""
        units = ", ".join(f"{name} in {unit}" for name, unit in self.units.items())
        told = f" ({units})" if units else ""
        return (
            f"Overall: the average over the targets{told}. {errors_reading('')} always saying "
            "the mean of the target."
        )

    @property
    def target_facts(self) -> list[tuple[str, str]]:
        """See `Evaluation`."""
        return [
            (f"{name} in the test rows", ranged(self.truth[:, at], self.units.get(name, "")))
            for at, name in enumerate(self.names)
        ]

    def _each(self, rows: Flags) -> dict[str, Metrics]:
        return {
            name: number_metrics(self.truth[rows, at], self.predicted[rows, at], self.means[at])
            for at, name in enumerate(self.names)
        }
