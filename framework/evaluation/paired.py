"""Two models on the same rows: how much better one is, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit


@dataclass(frozen=True)
class Difference:
    """How much smaller the loss of one model is than that of another.

    Attributes:
        rows: Rows that both have answered.
        mean: Mean over them; above 0 if the one is better.
        error: Standard error of the mean.
    """

    rows: int
    mean: float
    error: float

    def at_least(self, level: float) -> float:
        """Returns below what it is by chance only: with a probability of `level` at most."""
        return self.mean - self._reach(level)

    def at_most(self, level: float) -> float:
        """Returns above what it is by chance only: with a probability of `level` at most."""
        return self.mean + self._reach(level)

    def _reach(self, level: float) -> float:
        return float(stdtrit(self.rows - 1, 1 - level)) * self.error


def difference(losses: NDArray[np.float64], others: NDArray[np.float64]) -> Difference:
    """Compares the losses of a model with another's on the same rows, two at least.

    Rows are paired because what makes one hard makes it hard for both: the difference varies far
    less than the losses do.
    """
    gains = others - losses
    count = len(gains)
    return Difference(count, float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(count)))
