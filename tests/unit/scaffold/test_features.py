"""What a column is taken as."""

import datetime as dt
from typing import Any

import pytest

from framework.scaffold.errors import ScaffoldError
from framework.scaffold.features import feature_of
from framework.scaffold.sample import samples
from tests.unit.scaffold.conftest import column

POSTCODES = ["01067", "10115", "80331"]


@pytest.mark.parametrize(
    ("values", "kind", "limits"),
    [
        (["0.25", "0.5"], "float", {"ge": 0, "le": 1}),
        (["2.5", "19.75"], "float", {"ge": 0}),
        (["-2.5", "19.75"], "float", {}),
        ([0.25, 12.5], "float", {"ge": 0}),
        (["0", "1"], "int", {"ge": 0, "le": 1}),
        (["3", "7"], "int", {"ge": 0, "le": 100}),
        (["3", "10"], "int", {"ge": 0, "le": 100}),
        (["3", "11"], "int", {"ge": 0, "le": 1_000}),
        (["-3", "7"], "int", {}),
        ([3, 7], "int", {"ge": 0, "le": 100}),
        (["1e3", "2"], "float", {"ge": 0}),
        (["true", "False"], "bool", {}),
        ([True, False], "bool", {}),
        (["b", "a"], "category", {}),
        (POSTCODES, "category", {}),
    ],
)
def test_values_decide_kind_and_limits(values: list[Any], kind: str, limits: Any) -> None:
    feature = feature_of(column(values))

    assert (feature.kind, feature.limits, feature.nullable) == (kind, limits, False)


def test_categories_are_sorted() -> None:
    assert feature_of(column(["b", "c", "a"])).categories == ("a", "b", "c")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1.0", None, "2.0"], "int"),
        (["1.5", None, "2.0"], "float"),
        (["1", "NA", "2"], "int"),
        (["1.5", "nan", "null"], "float"),
        (["true", None, "false"], "bool"),
        (["a", None, "b"], "category"),
        ([1.0, None, 2.0], "int"),
    ],
)
def test_missing_values_make_a_field_nullable(values: list[Any], kind: str) -> None:
    feature = feature_of(column(values))

    assert (feature.kind, feature.nullable) == (kind, True)
    assert None in feature.values
    assert "rows have none" in feature.why


def test_sentences_are_text() -> None:
    feature = feature_of(column([f"one of many sentences, number {at}" for at in range(70)]))

    assert (feature.kind, feature.limits) == ("text", {"min_length": 1, "max_length": 1_000})


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("size", ["3"], "'size' holds '3' in every row: leave it out with --drop size"),
        ("size", [None], "is empty in every row: leave it out"),
        ("user_id", [str(at) for at in range(500, 900, 4)], "counts the rows"),
        ("size", [str(at) for at in range(1, 71)], "counts the rows"),
        ("size", [f"K-{at}" for at in range(70)], "another value in each row, like an id"),
        ("size", [f"K-{at}" for at in range(60)] * 2, "60 different values in 120 rows"),
        (
            "size",
            ["2024-05-01", "2023-12-24"],
            "turn it into numbers, such as a year or an age, or",
        ),
        ("size", ["01.05.2024 12:00", "24.12.2023 09:30"], "dates or times"),
        ("size", ["12:30", "9:15"], "dates or times"),
        ("size", [dt.datetime(2024, 5, 1, tzinfo=dt.UTC)], "dates or times"),
        ("size", ["1,5", "2,25"], "decimal comma: write them with a point, or leave it out"),
        ("size", ["1", "2", "3", "4", "5", "6", "7", "8", "9", "?"], "('?'): leave these cells"),
        ("size", [1.0, float("inf")], "infinite"),
        ("size", [[1], [2]], "values of type list"),
        ("x" * 61, ["1", "2"], "has 61 characters"),
        ("a size", [None], "--drop 'a size'"),
    ],
)
def test_what_can_be_no_feature_is_refused(name: str, values: list[Any], message: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        feature_of(column(values, name))

    assert message in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_samples_are_valid_and_no_rows_of_the_table() -> None:
    features = [
        feature_of(column(["0.5", "1.5", "2.5", "9.5"], "size")),
        feature_of(column(["a", None], "colour")),
    ]
    rows = set(zip(*(feature.values for feature in features), strict=True))

    found = samples(features)

    assert len(found) == 3
    assert not rows & {tuple(one.values()) for one in found}
    assert None in [one["colour"] for one in found]


def test_where_every_record_is_in_the_table_one_of_them_is_the_sample() -> None:
    assert samples([feature_of(column(["a", "b"], "colour"))]) == [{"colour": "a"}]
