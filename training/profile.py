"""Reference distributions of the training rows, stored with the model for drift detection."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from models.card import CategoryProfile, NumberProfile

QUANTILES = [step / 10 for step in range(11)]


def of_numbers(values: ArrayLike) -> NumberProfile:
    """Returns mean, standard deviation and deciles."""
    numbers = np.asarray(values, dtype=np.float64)
    return NumberProfile(
        mean=float(numbers.mean()),
        std=float(numbers.std()),
        quantiles={
            str(share): float(value)
            for share, value in zip(QUANTILES, np.quantile(numbers, QUANTILES), strict=True)
        },
    )


def of_categories(values: pd.Series, categories: Sequence[str]) -> CategoryProfile:
    """Returns the share of every category, also of those that do not occur."""
    shares = values.value_counts(normalize=True)
    return CategoryProfile(shares={name: float(shares.get(name, 0.0)) for name in categories})
