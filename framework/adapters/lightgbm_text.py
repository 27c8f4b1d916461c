"""LightGBM's text format: the trees of a model, and how LightGBM decides at their splits.

Where a value goes is said by `Tree::NumericalDecision` and `Tree::CategoricalDecision` (tree.h), by
the dense rows of c_api.cpp, in which a number close to zero is zero, and, when all leaves are added
up, by `ConvertOutput` of the objectives.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from framework.trees.forest import (
    MAX_LEAVES,
    CategoricalSplit,
    Forest,
    NumericalSplit,
    Objective,
    Split,
    Tree,
    UnfitForestError,
)

ZERO = float(np.float32(1e-35))
"""`kZeroThreshold`: numbers that are no farther from zero are zero."""

_BELOW_ZERO = math.nextafter(-ZERO, -math.inf)
# Bits of a split's `decision_type`, and the two above them: what counts as missing.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NOTHING, _ZERO_OR_NAN, _NAN = range(3)
_VERSIONS = ("v3", "v4")
_OBJECTIVES: dict[str, Objective] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multiclassova": "sigmoid",
    "cross_entropy": "sigmoid",
    "cross_entropy_lambda": "softplus",
    "poisson": "exponential",
    "gamma": "exponential",
    "tweedie": "exponential",
    "lambdarank": "identity",
    "rank_xendcg": "identity",
    # LightGBM's name for a model without: it was fitted with somebody's own.
    "": "identity",
}
_REGRESSIONS = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")


def forest_of(text: str) -> Forest:
    """Returns the trees of a model in LightGBM's text format.

    Raises:
        UnfitForestError: Something about them is not known here.
    """
    try:
        return _forest(text)
    except UnfitForestError:
        raise
    except (LookupError, ValueError) as error:
        raise UnfitForestError(f"the text is not as LightGBM writes it ({error!r})") from error


def _forest(text: str) -> Forest:
    head, *sections = text.partition("\nend of trees")[0].split("\n\nTree=")
    said = _said(head)
    if said.get("version") not in _VERSIONS:
        raise UnfitForestError(f"the text is of version {said.get('version')}, which is not known")
    if not sections:
        raise UnfitForestError("there are no trees")
    described = [_said(section) for section in sections]
    if (leaves := sum(int(one["num_leaves"]) for one in described)) > MAX_LEAVES:
        raise UnfitForestError(f"{leaves:,} leaves are more than {MAX_LEAVES:,}")
    outputs = int(said["num_tree_per_iteration"])
    objective, sigmoid = _objective(said.get("objective", ""))
    return Forest(
        features=int(said["max_feature_idx"]) + 1,
        outputs=outputs,
        trees=[_tree(one) for one in described],
        objective=objective,
        sigmoid=sigmoid,
        divisor=len(described) // outputs if "\naverage_output" in head else 1.0,
    )


def _said(section: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def _objective(text: str) -> tuple[Objective, float]:
    name, *parameters = text.split() or [""]
    sigmoids = [one.partition(":")[2] for one in parameters if one.startswith("sigmoid:")]
    sigmoid = float(sigmoids[0]) if sigmoids else 1.0
    if name in _REGRESSIONS:
        return "signed_square" if "sqrt" in parameters else "identity", sigmoid
    if name not in _OBJECTIVES:
        raise UnfitForestError(f"the objective {name} is not known")
    return _OBJECTIVES[name], sigmoid


def _tree(said: Mapping[str, str]) -> Tree:
    if said.get("is_linear", "0") != "0":
        raise UnfitForestError("the trees have linear models in their leaves")
    leaves = [float(value) for value in said["leaf_value"].split()]
    if len(leaves) == 1:
        return Tree([], [], [], leaves)
    return Tree(
        splits=list(_splits(said)),
        left=[int(child) for child in said["left_child"].split()],
        right=[int(child) for child in said["right_child"].split()],
        leaves=leaves,
    )


def _splits(said: Mapping[str, str]) -> Iterator[Split]:
    categories = [*_categories(said)]
    for column, threshold, kind in zip(
        said["split_feature"].split(),
        said["threshold"].split(),
        said["decision_type"].split(),
        strict=True,
    ):
        bits = int(kind)
        if bits & _CATEGORICAL:
            yield CategoricalSplit(int(column), categories[int(threshold)])
        else:
            yield _numerical(int(column), float(threshold), bits)


def _categories(said: Mapping[str, str]) -> Iterator[tuple[int, ...]]:
    """Returns the sets of a tree's categorical splits, which are bits of words of 32."""
    words = [int(word) for word in said.get("cat_threshold", "").split()]
    for begin, end in pairwise(int(at) for at in said.get("cat_boundaries", "").split()):
        yield tuple(
            32 * at + bit
            for at, word in enumerate(words[begin:end])
            for bit in range(32)
            if word >> bit & 1
        )


def _numerical(column: int, threshold: float, bits: int) -> NumericalSplit:
    """Returns a split that decides as LightGBM does, to which a number close to zero is zero."""
    missing, default_left = bits >> 2, bool(bits & _DEFAULT_LEFT)
    if math.isnan(threshold):
        raise UnfitForestError("a threshold is not a number")
    if abs(threshold) <= ZERO:
        threshold = ZERO if threshold >= 0 else _BELOW_ZERO
    if missing == _NAN:
        return NumericalSplit(column, threshold, missing_left=default_left)
    if missing == _ZERO_OR_NAN and default_left != (threshold >= 0):
        return NumericalSplit(column, threshold, zero_left=default_left)
    if missing in (_NOTHING, _ZERO_OR_NAN):
        return NumericalSplit(column, threshold)
    raise UnfitForestError(f"a split takes values for missing in a way ({missing}) not known")
