"""Reference distributions of the training rows, stored with the model for drift detection."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.card import CategoryProfile, NumberProfile
from framework.fitting import Examples
from framework.model import Model

QUANTILES = [step / 10 for step in range(11)]
Profile = dict[str, NumberProfile | CategoryProfile]


def of_features(model: Model[Any, Any], examples: Examples) -> Profile:
    """Returns the distribution of every feature; of a text that of its length, `<field>_length`."""
    records, encoder = examples.records, model.encoder
    profile: Profile = {}
    for name, column in zip(encoder.columns, records.matrix.T, strict=True):
        if name in encoder.categories:
            profile[name] = of_codes(column, list(map(str, encoder.categories[name])))
        else:
            profile[name] = of_numbers(column)
    for at, name in enumerate(model.feature_names):
        if name not in encoder.columns and name not in encoder.texts:
            profile[name] = of_numbers(examples.features[:, at].astype(np.float64))
    for name, texts in records.texts.items():
        profile[f"{name}_length"] = of_numbers(
            [np.nan if text is None else len(text) for text in texts]
        )
    return profile


def of_target(names: Sequence[str], examples: Examples) -> Profile:
    """Returns the distribution of what is to be told: of classes or of numbers."""
    if examples.classes:
        return {names[0]: of_codes(examples.target, examples.classes)}
    columns = examples.target.reshape(len(examples), -1).T
    return {name: of_numbers(column) for name, column in zip(names, columns, strict=True)}


def of_numbers(values: ArrayLike) -> NumberProfile:
    """Returns mean, standard deviation and deciles of what is not missing (NaN)."""
    numbers = np.asarray(values, dtype=np.float64)
    present = numbers[~np.isnan(numbers)]
    missing = 1 - len(present) / len(numbers)
    if not len(present):
        return NumberProfile(mean=0.0, std=0.0, quantiles={}, missing=missing)
    return NumberProfile(
        mean=float(present.mean()),
        std=float(present.std()),
        quantiles={
            str(share): float(value)
            for share, value in zip(QUANTILES, np.quantile(present, QUANTILES), strict=True)
        },
        missing=missing,
    )


def of_codes(codes: NDArray[Any], categories: Sequence[str]) -> CategoryProfile:
    """Returns the share of every category, also of those that do not occur."""
    counts = Counter(codes[~np.isnan(codes.astype(np.float64))].tolist())
    present = max(counts.total(), 1)
    return CategoryProfile(
        shares={name: counts[code] / present for code, name in enumerate(categories)},
        missing=1 - counts.total() / len(codes),
    )
