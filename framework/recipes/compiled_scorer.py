"""Boosters whose trees are scored by compiled code, where it is to be had and agrees."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from framework.adapters.bentoml import home_folder
from framework.adapters.lightgbm import Booster
from framework.adapters.lightgbm_text import forest_of
from framework.computation import Computation
from framework.recipes.scorer import Scorer, pointer
from framework.trees.forest import Forest, NumericalSplit, UnfitForestError
from framework.trees.layout import Layout
from framework.trees.library import FOLDER, SHIPPED, Kernel, NoLibraryError, load

TOLERANCE = 1e-12
_PROBED, _PROBED_SINGLY = 100, 10
# Rows times trees that take less time (some 30 µs) than other threads may have to wait anyway.
_BRIEF = 10_000


def quickest(text: str) -> Scorer:
    """Returns what scores rows as a booster does, in the least time.

    Args:
        text: The booster, in LightGBM's text format.
    """
    booster = Booster(model_str=text)
    plain = Scorer(booster)
    try:
        kernel = load([SHIPPED, home_folder() / FOLDER])
        forest = forest_of(text)
        compiled = CompiledScorer(booster, Layout(forest), kernel)
    except UnfitForestError as error:
        return Scorer(booster, str(error))
    except NoLibraryError as error:
        return Scorer(booster, str(error), "; ".join(error.places))
    rows = _rows_near_splits(forest)
    singly = [compiled(row[np.newaxis]) for row in rows[:_PROBED_SINGLY]]
    if _are_equal(compiled(rows), plain(rows)) and _are_equal(
        np.concatenate(singly), plain(rows[:_PROBED_SINGLY])
    ):
        return compiled
    return Scorer(booster, "compiled trees give other scores than LightGBM")


class CompiledScorer(Scorer):
    """Scores rows with compiled trees, and explains them with LightGBM; see `Scorer`.

    Args:
        booster: The model.
        layout: Its trees.
        kernel: What scores them.
    """

    def __init__(self, booster: Booster, layout: Layout, kernel: Kernel) -> None:
        super().__init__(booster)
        if (layout.features, layout.outputs) != (self._columns, self.outputs):
            raise UnfitForestError("LightGBM counts its features and outputs otherwise")
        self.computation = Computation("compiled trees", is_compiled=True)
        self._layout = layout
        self._forest = ctypes.byref(layout)
        self._alone, self._beside = kernel
        self._brief = _BRIEF // max(layout.trees, 1)

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Scorer`."""
        features, rows, scores = self._room(features)
        score = self._alone if rows <= self._brief else self._beside
        score(self._forest, pointer(features), rows, pointer(scores))
        return scores


def _rows_near_splits(forest: Forest) -> NDArray[np.float64]:
    """Returns rows whose values are where splits decide, next to it, missing or out of bounds."""
    found: list[set[float]] = [{np.nan, 0.0, -1.0, np.inf, -np.inf} for _ in range(forest.features)]
    for tree in forest.trees:
        for split in tree.splits:
            if isinstance(split, NumericalSplit):
                near = (split.threshold, np.nextafter(split.threshold, np.inf))
            else:
                near = (split.categories[0], split.categories[-1] + 1)
            found[split.column].update(map(float, near))
    random = np.random.default_rng(0)
    return np.column_stack([random.choice([*values], _PROBED) for values in found])


def _are_equal(some: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    return np.allclose(some, others, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
