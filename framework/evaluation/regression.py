"""What the answers of a regression model are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from framework.evaluation.base import GOLDEN, Evaluation, Flags, Metrics, Plot, spread

Values = NDArray[np.float64]
HEADINGS: Mapping[str, str] = {
    "rows": "Rows",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "median_ae": "Median AE",
    "baseline_rmse": "Baseline RMSE",
}
IN_UNITS = ("rmse", "mae", "median_ae", "baseline_rmse")


@dataclass(frozen=True)
class RegressionEvaluation(Evaluation):
    """A number.

    Attributes:
        name: What it is.
        truth: The true value of every row.
        predicted: The model's.
        mean: The value that a model would always give that has learnt nothing but the mean.
        unit: Unit of the values, if they have one.
    """

    name: str
    truth: Values
    predicted: Values
    mean: float
    unit: str = ""

    headings: ClassVar[Mapping[str, str]] = HEADINGS
    judged: ClassVar[tuple[str, ...]] = ("rmse",)
    loss: ClassVar[str] = "mean squared error"

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def losses(self) -> Values:
        """See `Evaluation`."""
        squared: Values = (self.predicted - self.truth) ** 2
        return squared

    def metrics(self, rows: Flags) -> Metrics:
        """See `Evaluation`."""
        return number_metrics(self.truth[rows], self.predicted[rows], self.mean)

    def varied_rows(self) -> list[int]:
        """Returns rows from the smallest answer to the largest."""
        return spread(np.argsort(self.predicted, kind="stable"), GOLDEN)

    def plots(self) -> list[Plot]:
        """See `Evaluation`."""
        from framework.evaluation import plots

        unit = f" ({self.unit})" if self.unit else ""
        return [
            ("Predicted and true", plots.agreement(self.truth, self.predicted, unit)),
            ("Residuals", plots.residuals(self.truth, self.predicted, unit)),
            ("Errors", plots.errors(self.truth, self.predicted, unit)),
        ]

    @property
    def reading(self) -> str:
        """See `Evaluation`."""
        return (
            f"{errors_reading(self.unit)} always saying {self.mean:,.4g}, the mean of the target."
        )

    @property
    def target_facts(self) -> list[tuple[str, str]]:
        """See `Evaluation`."""
        return [(f"{self.name} in the test rows", ranged(self.truth, self.unit))]


def number_metrics(truth: Values, predicted: Values, mean: float) -> Metrics:
    """Returns the metrics of numbers; R² only where the true values differ."""
    errors = predicted - truth
    metrics = {
        "rows": float(len(truth)),
        "rmse": float(np.sqrt((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
        "median_ae": float(np.median(np.abs(errors))),
        "baseline_rmse": float(np.sqrt(((truth - mean) ** 2).mean())),
    }
    if (variation := float(((truth - truth.mean()) ** 2).sum())) > 0:
        metrics["r2"] = 1 - float((errors**2).sum()) / variation
    return metrics


def errors_reading(unit: str) -> str:
    """Returns how the metrics of numbers are to be read; the baseline is to be filled in."""
    return (
        f"RMSE, MAE (mean) and median absolute error{f' in {unit}' if unit else ''}; the baseline "
        "is the error of"
    )


def ranged(values: Values, unit: str) -> str:
    """Tells the range and the mean of some values."""
    low, high, mean = values.min(), values.max(), values.mean()
    return f"{low:,.4g} to {high:,.4g}, mean {mean:,.4g} {unit}".rstrip()
