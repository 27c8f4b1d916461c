"""LightGBM's text format, as those who read its trees rely on it."""

import math
import re

import lightgbm
import numpy as np
import pytest

from framework.adapters.lightgbm_text import ZERO, forest_of
from framework.trees.forest import MAX_LEAVES, CategoricalSplit, NumericalSplit, UnfitForestError


@pytest.fixture(scope="module")
def text() -> str:
    """A model of one tree that asks for a number and for a category."""
    random = np.random.default_rng(0)
    rows = np.column_stack([random.normal(size=200), random.choice([1, 3, 35, 36], 200)])
    target = (rows[:, 0] > 0.3) + 2.0 * np.isin(rows[:, 1], [3, 35])
    quiet = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 1, "min_data_per_group": 1}
    parameters = {
        **quiet,
        "objective": "binary",
        "sigmoid": 0.5,
        "num_leaves": 3,
        "cat_smooth": 0,
        "cat_l2": 0,
    }
    data = lightgbm.Dataset(rows, target > 0, categorical_feature=[1])
    return str(lightgbm.train(parameters, data, 1).model_to_string())


def test_reads_what_lightgbm_tells_of_its_trees(text: str) -> None:
    booster = lightgbm.Booster(model_str=text)
    (told,) = booster.dump_model()["tree_info"]
    forest = forest_of(text)
    (tree,) = forest.trees

    assert (forest.features, forest.outputs) == (2, 1)
    assert (forest.objective, forest.sigmoid, forest.divisor) == ("sigmoid", 0.5, 1.0)
    assert len(tree.leaves) == told["num_leaves"] == 3
    assert {split.column for split in tree.splits} == {0, 1}
    told_by_index = {}
    waiting = [told["tree_structure"]]
    while waiting:
        node = waiting.pop()
        if "split_index" in node:
            told_by_index[node["split_index"]] = node
            waiting += [node["left_child"], node["right_child"]]
    for at, split in enumerate(tree.splits):
        node = told_by_index[at]
        assert split.column == node["split_feature"]
        if isinstance(split, CategoricalSplit):
            assert node["threshold"] == "||".join(map(str, split.categories))
        else:
            assert math.isclose(split.threshold, node["threshold"])


def split_of(text: str, threshold: float, decision_type: int) -> NumericalSplit:
    """Returns the root's split, had it this threshold and this treatment of missing values."""
    one = (
        f"num_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold={threshold!r}\n"
        f"decision_type={decision_type}\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n"
        "is_linear=0\nshrinkage=1\n\n\nend of trees"
    )
    tree = re.sub(r"num_leaves=(.|\n)*end of trees", one, text)
    sized = re.sub(r"tree_sizes=.*", f"tree_sizes={len(one) + 7 - 13}", tree)
    (split,) = forest_of(sized).trees[0].splits
    assert isinstance(split, NumericalSplit)
    # LightGBM itself agrees about every value that matters.
    booster = lightgbm.Booster(model_str=sized)
    values = [math.nan, 0.0, ZERO, -ZERO, 2 * ZERO, -2 * ZERO, threshold, -1.0, 1.0]
    leaves = booster.predict(np.array([[value, 0.0] for value in values]), raw_score=True)
    np.testing.assert_array_equal([2 - goes_left(split, value) for value in values], leaves)
    return split


def goes_left(split: NumericalSplit, value: float) -> bool:
    if math.isnan(value) and split.missing_left is not None:
        return split.missing_left
    value = 0.0 if math.isnan(value) else value
    if abs(value) <= ZERO and split.zero_left is not None:
        return split.zero_left
    return value <= split.threshold


NOTHING, LEFT, ZEROS, NAN = 0, 2, 4, 8


@pytest.mark.parametrize(
    ("threshold", "kind", "expected"),
    [
        (0.5, NOTHING | LEFT, (0.5, None, None)),
        (0.5, NAN, (0.5, False, None)),
        (0.5, NAN | LEFT, (0.5, True, None)),
        (0.5, ZEROS, (0.5, None, False)),
        (0.5, ZEROS | LEFT, (0.5, None, None)),
        (-0.5, ZEROS | LEFT, (-0.5, None, True)),
        (-0.5, ZEROS, (-0.5, None, None)),
        (0.0, NOTHING, (ZERO, None, None)),
        (1e-40, NOTHING, (ZERO, None, None)),
        (-ZERO, NOTHING, (np.nextafter(-ZERO, -1), None, None)),
        (-1e-40, NAN, (np.nextafter(-ZERO, -1), False, None)),
    ],
)
def test_a_split_decides_as_lightgbm_does(
    text: str, threshold: float, kind: int, expected: tuple[float, bool | None, bool | None]
) -> None:
    split = split_of(text, threshold, kind)
    assert (split.threshold, split.missing_left, split.zero_left) == expected


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("version=v4", "version=v2", "of version v2"),
        ("objective=binary sigmoid:0.5", "objective=rank", "objective rank is not known"),
        ("is_linear=0", "is_linear=1", "linear models"),
        ("num_leaves=3", f"num_leaves={MAX_LEAVES + 1}", "100,001 leaves are more than 100,000"),
        (r"decision_type=\d+", "decision_type=12", r"missing in a way \(3\)"),
        (r"(\nthreshold=.*?)\d+\.\d+", r"\1nan", "not a number"),
        ("leaf_value=", "leaves=", "not as LightGBM writes it .*leaf_value"),
        ("left_child=", "left_child=x ", "not as LightGBM writes it .*invalid literal"),
        (r"\nTree=0(.|\n)*end of trees", "\nend of trees", "no trees"),
    ],
)
def test_what_is_not_known_is_left_to_lightgbm(
    text: str, line: str, instead: str, reason: str
) -> None:
    changed = re.sub(line, instead, text)
    assert changed != text
    with pytest.raises(UnfitForestError, match=reason):
        forest_of(changed)
