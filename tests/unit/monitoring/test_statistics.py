"""The test of two samples against scipy's, and the distances against their definitions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from framework.reference import MOST_BINS
from monitoring.drift.statistics import (
    LEAST_EXPECTED,
    chi_square,
    jensen_shannon,
    merged,
    population_stability,
)

COUNTS = st.integers(2, 15).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 400), min_size=size, max_size=size).map(np.array)] * 2
    )
)


@given(COUNTS)
def test_it_is_the_test_of_a_contingency_table(counts: tuple[np.ndarray, np.ndarray]) -> None:
    reference, window = merged(*counts)
    assume(len(reference) > 1)
    expected = chi2_contingency([reference, window], correction=False)
    found = chi_square(*counts)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.degrees == expected.dof
    assert found.p == pytest.approx(expected.pvalue)


@given(COUNTS)
def test_merging_loses_no_row_and_leaves_no_rare_bin(
    counts: tuple[np.ndarray, np.ndarray],
) -> None:
    reference, window = counts
    assume(reference.sum() and window.sum())
    one, other = merged(reference, window)
    assert one.sum() == reference.sum()
    assert other.sum() == window.sum()
    assert len(one) <= MOST_BINS
    if len(one) > 1:
        smaller = min(one.sum(), other.sum()) / (one.sum() + other.sum())
        assert ((one + other) * smaller).min() >= LEAST_EXPECTED


@given(COUNTS)
def test_distances_are_those_of_the_smoothed_shares(
    counts: tuple[np.ndarray, np.ndarray],
) -> None:
    one, other = ((some + 0.5) / (some + 0.5).sum() for some in counts)
    assert jensen_shannon(*counts) == pytest.approx(jensenshannon(one, other, 2), abs=1e-7)
    stability = ((other - one) * np.log(other / one)).sum()
    assert population_stability(*counts) == pytest.approx(stability)


@pytest.mark.parametrize(
    ("reference", "window"),
    [
        ([0, 100, 0], [0, 100, 0]),
        ([100, 0], [0, 0]),
        ([0, 0], [100, 100]),
        ([0, 0], [0, 0]),
        ([3], [3]),
        ([2, 2], [2, 2]),
    ],
)
def test_there_may_be_nothing_to_compare(reference: list[int], window: list[int]) -> None:
    found = chi_square(np.array(reference), np.array(window))
    assert (found.degrees, found.p) == (0, 1.0)


def test_what_the_reference_never_had_is_noticed_if_it_is_frequent() -> None:
    reference = np.array([0, 2_000, 0, 0])
    assert chi_square(reference, np.array([0, 470, 30, 0])).p < 1e-6
    # All values missing, or all of one bin.
    assert chi_square(reference, np.array([0, 0, 0, 500])).p < 1e-6
    # A few are too few to tell.
    assert chi_square(reference, np.array([0, 498, 2, 0])).p == 1


def test_the_same_shares_are_no_difference() -> None:
    counts = np.array([100, 200, 700])
    assert chi_square(counts, counts // 2).p == pytest.approx(1)
    assert jensen_shannon(counts, counts) == population_stability(counts, counts) == 0
