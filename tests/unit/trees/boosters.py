"""Boosters of every kind, and rows that are hard on them."""

import re
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

ROWS = 300
ZERO = float(np.float32(1e-35))
# Two numbers, one with many zeros, one of few values, a few categories, and many.
COLUMNS = 6
CATEGORICAL = [4, 5]
EDGES = [
    *(0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 1e-40, -1e-300),
    *(np.nan, np.inf, -np.inf, 1e308, -1e308, 0.5, -0.5, -1.0, -3.0, 1e10, 2.0**31, -(2.0**31)),
    *(2.0**31 - 1, 2.0**32, 1e300, 31.9, 32.0, 63.5, 1e5),
]
OBJECTIVES: list[dict[str, Any]] = [
    {"objective": "binary"},
    {"objective": "binary", "sigmoid": 0.7},
    {"objective": "cross_entropy"},
    {"objective": "cross_entropy_lambda"},
    {"objective": "multiclass", "num_class": 3},
    {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.5},
    {"objective": "regression"},
    {"objective": "regression", "reg_sqrt": True},
    {"objective": "regression_l1"},
    {"objective": "huber"},
    {"objective": "fair"},
    {"objective": "quantile"},
    {"objective": "mape"},
    {"objective": "poisson"},
    {"objective": "gamma"},
    {"objective": "tweedie"},
]
BOOSTING: list[dict[str, Any]] = [
    {},
    {"boosting": "dart"},
    {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7},
]


@dataclass(frozen=True)
class Kind:
    """What a booster is made of.

    Attributes:
        parameters: LightGBM's.
        trees: Rounds of boosting.
        missing: Share of values that are NaN.
        changed: Share of splits whose threshold and treatment of missing values are changed
            afterwards, to what training would not come upon.
        seed: Of all that is random.
    """

    parameters: dict[str, Any]
    trees: int
    missing: float
    changed: float
    seed: int


@st.composite
def kinds(draw: st.DrawFn) -> Kind:
    """Kinds of boosters."""
    return Kind(
        {
            **draw(st.sampled_from(OBJECTIVES)),
            **draw(st.sampled_from(BOOSTING)),
            "num_leaves": draw(st.sampled_from([2, 3, 8, 9, 31, 70])),
            "max_bin": draw(st.sampled_from([8, 255, 1000])),
            "zero_as_missing": draw(st.booleans()),
            "use_missing": draw(st.booleans()),
            "max_cat_to_onehot": draw(st.sampled_from([1, 4])),
            "max_cat_threshold": draw(st.sampled_from([3, 60])),
        },
        trees=draw(st.sampled_from([1, 7, 20])),
        missing=draw(st.sampled_from([0.0, 0.2])),
        changed=draw(st.sampled_from([0.0, 0.3])),
        seed=draw(st.integers(0, 2**31 - 1)),
    )


def text_of(kind: Kind) -> str:
    """A booster, in LightGBM's text format."""
    random = np.random.default_rng(kind.seed)
    rows = values(random)
    rows[random.random(rows.shape) < kind.missing] = np.nan
    parameters = {
        "verbosity": -1,
        "num_threads": 1,
        "min_data_in_leaf": 1,
        "min_data_per_group": 1,
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 0,
        "cat_smooth": 0.0,
        "cat_l2": 0.0,
        **kind.parameters,
        "seed": kind.seed,
    }
    data = lightgbm.Dataset(rows, target(rows, kind), categorical_feature=CATEGORICAL)
    text: str = lightgbm.train(parameters, data, kind.trees).model_to_string()
    return changed(text, kind.changed, random)


def values(random: np.random.Generator) -> NDArray[np.float64]:
    """A matrix of features."""
    return np.column_stack(
        [
            random.normal(size=ROWS),
            random.normal(size=ROWS).astype(np.float32),
            random.normal(size=ROWS) * (random.random(ROWS) < 0.4),
            random.integers(-2, 4, ROWS),
            random.integers(0, 6, ROWS),
            random.integers(0, 400, ROWS),
        ]
    ).astype(np.float64)


def target(rows: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """What the rows' sum says, in the range of the objective."""
    score: NDArray[np.float64] = np.nan_to_num(rows * [1, -1, 2, 0.5, 0.3, 0.01]).sum(axis=1)
    name = kind.parameters["objective"]
    if name.startswith("multi"):
        return np.digitize(score, np.quantile(score, [1 / 3, 2 / 3])).astype(np.float64)
    if name in ("binary", "cross_entropy", "cross_entropy_lambda"):
        return (score > np.median(score)).astype(np.float64)
    return np.exp(score / 4) if name in ("poisson", "gamma", "tweedie") else score


def changed(text: str, share: float, random: np.random.Generator) -> str:
    """Changes some numerical splits."""

    def change(found: re.Match[str]) -> str:
        thresholds, kinds = found[1].split(), found[2].split()
        for at, bits in enumerate(map(int, kinds)):
            if bits & 1 or random.random() >= share:
                continue
            edges = [edge for edge in EDGES if np.isfinite(edge)]
            thresholds[at] = repr(float(random.choice(edges)))
            kinds[at] = str(2 * random.integers(0, 2) + 4 * random.integers(0, 3))
        return f"threshold={' '.join(thresholds)}\ndecision_type={' '.join(kinds)}"

    text = re.sub(r"threshold=(.*)\ndecision_type=(.*)", change, text)
    sections = text.partition("\nend of trees")[0].split("\n\nTree=")
    sizes = [len(f"Tree={section}\n\n") for section in sections[1:]]
    return re.sub(r"tree_sizes=.*", f"tree_sizes={' '.join(map(str, sizes))}", text)


def hard_rows(text: str, random: np.random.Generator, number: int) -> NDArray[np.float64]:
    """Rows of values at the borders of the splits, next to them, missing, and out of bounds."""
    thresholds = [
        float(value) for line in re.findall(r"\nthreshold=(.*)", text) for value in line.split()
    ]
    near = [np.nextafter(value, to) for value in thresholds for to in (-np.inf, np.inf)]
    anything = np.array([*EDGES, *thresholds, *near])
    rows = values(random)[random.integers(0, ROWS, number)]
    hard = random.random(rows.shape) < 0.6
    rows[hard] = random.choice(anything, hard.sum())
    return rows
