"""Whether two samples come from one distribution, by counts alone; and how far they are apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from framework.reference import MOST_BINS, Counts

# Below it the statistic does not follow its distribution.
LEAST_EXPECTED = 5
# Added to each count, so that an empty bin has a finite distance.
SMOOTHING = 0.5

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class ChiSquare:
    """The χ² test of two samples.

    Attributes:
        statistic: χ².
        degrees: Its degrees of freedom; 0 if there is nothing to compare.
        p: How often chance alone gives as much; 1 if there is nothing to compare.
    """

    statistic: float
    degrees: int
    p: float


def chi_square(reference: Counts, window: Counts) -> ChiSquare:
    """Tests whether two samples of counts come from the same distribution.

    Args:
        reference: Rows in each bin of one sample.
        window: The same of the other.
    """
    one, other = merged(reference, window)
    if len(one) < 2:
        return ChiSquare(0.0, 0, 1.0)
    ratio = np.sqrt(one.sum() / other.sum())
    statistic = float(((one / ratio - other * ratio) ** 2 / (one + other)).sum())
    degrees = len(one) - 1
    return ChiSquare(statistic, degrees, float(chdtrc(degrees, statistic)))


def merged(reference: Counts, window: Counts) -> tuple[Counts, Counts]:
    """Puts the rarest bins together: at most ten are left, and in none too few rows are expected.

    Which are rare is seen in both samples together, so that it says nothing of their difference.
    Bins that are empty in both are left out. A sample without rows leaves nothing.
    """
    total = reference + window
    order = np.argsort(total, kind="stable")
    order = order[total[order] > 0]
    if not reference.sum() or not window.sum():
        return reference[:0], window[:0]
    smaller = min(reference.sum(), window.sum()) / total.sum()
    expected = total[order] * smaller
    # The first so many become one bin.
    first = max(1, len(order) - MOST_BINS + 1)
    while first < len(order) and (
        expected[:first].sum() < LEAST_EXPECTED or expected[first] < LEAST_EXPECTED
    ):
        first += 1
    return _first_together(reference[order], first), _first_together(window[order], first)


def population_stability(reference: Counts, window: Counts) -> float:
    """Returns the population stability index: 0 for the same shares, without upper limit."""
    one, other = _shares(reference), _shares(window)
    return float(((other - one) * np.log(other / one)).sum())


def jensen_shannon(reference: Counts, window: Counts) -> float:
    """Returns Jensen and Shannon's distance: from 0 for the same shares to 1."""
    one, other = _shares(reference), _shares(window)
    middle = (one + other) / 2
    divergence = (one * np.log2(one / middle) + other * np.log2(other / middle)).sum() / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _shares(counts: Counts) -> Shares:
    smoothed = counts.astype(np.float64) + SMOOTHING
    shares: Shares = smoothed / smoothed.sum()
    return shares


def _first_together(counts: Counts, first: int) -> Counts:
    return np.append(counts[:first].sum(), counts[first:])
