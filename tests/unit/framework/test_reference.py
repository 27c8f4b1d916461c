"""Bins and counts: every row falls into one of them, whatever its value."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework.reference import MOST_BINS, CategoryBins, Column, NumberBins, Words, bins_of

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.integers(0, 4), max_size=60)


def numbers(*values: float) -> Column:
    return Column(np.array(values, dtype=np.float64))


@given(NUMBERS, NUMBERS)
@example([], [1.0])
@example([math.nan], [1.0, math.nan])
@example([math.inf], [-math.inf, math.inf])
def test_each_row_is_counted_once(reference: list[float], others: list[float]) -> None:
    bins = NumberBins.of(numbers(*reference))
    assert bins.count(numbers(*others)).sum() == len(others)
    assert len(bins.count(numbers(*others))) == len(bins.labels) == len(bins.reference)
    assert len(bins.starts) <= MOST_BINS
    assert NumberBins.model_validate_json(bins.model_dump_json()) == bins


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), max_size=60))
def test_the_reference_counts_are_those_of_the_reference_rows(values: list[float]) -> None:
    bins = NumberBins.of(numbers(*values))
    assert bins.count(numbers(*values)).tolist() == bins.reference.tolist()
    assert bins.unseen(numbers(*values)) == 0


def test_a_number_of_few_values_has_a_bin_for_each() -> None:
    bins = NumberBins.of(numbers(2, 2, 5, 7, math.nan))
    assert bins.labels == ["below 2", "2", "5", "7", "above 7", "missing"]
    assert bins.reference.tolist() == [0, 2, 1, 1, 0, 1]
    assert bins.count(numbers(1, 2, 8, 9)).tolist() == [1, 1, 0, 0, 2, 0]


def test_a_number_of_many_values_has_tenths() -> None:
    bins = NumberBins.of(Column(np.arange(1_000.0)))
    assert bins.counts == [100] * 10
    assert bins.labels[1] == "0 to 100"
    assert bins.unseen(numbers(-1, 0, 999, 1_000)) == 2


def test_a_value_that_most_rows_have_is_one_bin() -> None:
    values = np.concatenate([np.zeros(700), np.arange(1.0, 301)])
    bins = NumberBins.of(Column(values))
    assert bins.starts[0] == 0
    assert bins.counts[0] >= 700
    assert sum(bins.counts) == 1_000


def test_a_column_without_any_value() -> None:
    bins = NumberBins.of(numbers(math.nan, math.nan))
    assert bins.reference.tolist() == [0, 0, 2]
    assert bins.count(numbers(3)).tolist() == [1, 0, 0]
    assert bins.labels == ["any value", "above", "missing"]


def test_categories_that_no_row_is_of_are_kept_and_counted_as_unseen() -> None:
    column = Column(np.array([0, 0, 2, np.nan]), ("red", "green", "blue"))
    bins = bins_of(column)
    assert isinstance(bins, CategoryBins)
    assert bins.counts == {"red": 2, "green": 0, "blue": 1}
    assert bins.missing == 1
    assert bins.labels == ["red", "green", "blue", "missing"]
    assert bins.unseen(Column(np.array([1, 1, 0]), column.categories)) == 2


def test_words_are_kept_as_hashes() -> None:
    words = Words.of([7, 4_000_000_000, 1])
    assert words.known == {1, 7, 4_000_000_000}
    assert Words.model_validate_json(words.model_dump_json()).known == words.known


def test_more_bins_than_allowed_are_refused() -> None:
    with pytest.raises(ValueError, match="starts"):
        NumberBins(starts=list(range(11)), high=10, exact=True, counts=[0] * 11, missing=0)
