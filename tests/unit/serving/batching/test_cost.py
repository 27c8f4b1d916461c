"""What the cost model expects of batches it has and has not seen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.batching.cost import CostModel


def learn(cost: CostModel, rows: int, seconds: float) -> None:
    """Shows the model enough batches of one kind to be trusted."""
    for _ in range(8):
        cost.observe(rows, seconds, contended=False)


def test_nothing_is_expected_before_the_first_batch() -> None:
    assert CostModel().expected(1) is None
    assert CostModel().alone(1) is None


def test_equal_batches_are_taken_at_their_word() -> None:
    cost = CostModel()
    learn(cost, 8, 0.016)

    assert cost.expected(8) == pytest.approx(0.016)
    assert cost.expected(15) == pytest.approx(0.030)


def test_the_first_batches_are_no_ground_to_expect_anything() -> None:
    cost = CostModel()
    for _ in range(7):
        cost.observe(8, 10.0, contended=True)

    assert cost.expected(8) is None
    assert cost.alone(8) == pytest.approx(10.0)


def test_sizes_are_learnt_apart() -> None:
    cost = CostModel()
    learn(cost, 1, 0.010)
    learn(cost, 1_000, 0.100)

    assert cost.expected(1) == pytest.approx(0.010)
    assert cost.expected(1_000) == pytest.approx(0.100)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        (1, 0.001),  # smaller than any seen: as the smallest
        (64, 0.032),  # between: as the next smaller, more per row
        (4_096, 0.4096),  # larger than any seen: as the largest
    ],
)
def test_an_unseen_size_costs_as_the_nearest_smaller(rows: int, seconds: float) -> None:
    cost = CostModel()
    learn(cost, 2, 0.002)
    learn(cost, 16, 0.008)
    learn(cost, 1_024, 0.1024)

    assert cost.expected(rows) == pytest.approx(seconds)


def test_an_outlier_fades() -> None:
    cost = CostModel()
    cost.observe(4, 10.0, contended=False)
    for _ in range(60):
        cost.observe(4, 0.004, contended=False)

    assert cost.expected(4) == pytest.approx(0.004, rel=0.01)


def test_contention_does_not_make_a_short_batch_seem_long() -> None:
    cost = CostModel()
    for seconds in [0.030, 0.002, *[0.030] * 8]:
        cost.observe(100, seconds, contended=True)

    assert (cost.alone(100) or 1) < 0.010
    assert (cost.expected(100) or 0) > 0.015


def test_a_batch_that_has_become_long_is_noticed() -> None:
    cost = CostModel()
    cost.observe(100, 0.002, contended=True)
    for _ in range(200):
        cost.observe(100, 0.050, contended=True)

    assert cost.alone(100) == pytest.approx(0.050, rel=0.05)


def test_a_machine_that_was_suspended_does_not_look_busy() -> None:
    cost = CostModel()
    learn(cost, 4, 0.004)
    cost.observe(4, 3_600.0, contended=False)

    assert (cost.expected(4) or 1) < 0.020
    # Whether the loop can be held up again is found out in a thread.
    assert (cost.alone(4) or 0) > 1.0
    cost.observe(4, 0.004, contended=True)
    assert cost.alone(4) == pytest.approx(0.004)


def test_what_is_much_larger_than_any_seen_is_not_taken_for_short() -> None:
    cost = CostModel()
    learn(cost, 8, 0.0001)

    assert cost.alone(31) == pytest.approx(0.0004, rel=0.1)
    assert cost.alone(32) is None
    assert cost.alone(1) is not None


def test_batches_are_of_some_size_before_anything_is_known() -> None:
    assert CostModel().most(0.010) == 64


def test_a_batch_grows_to_the_time_it_may_take() -> None:
    cost = CostModel()
    for rows in (1, 4, 16, 64, 128):
        learn(cost, rows, 0.0002 + 0.0005 * rows)

    assert 16 <= cost.most(0.010) <= 20
    assert cost.most(1_000) > 1_000


def test_batches_grow_further_where_rows_then_cost_much_less() -> None:
    cost = CostModel()
    for _ in range(20):
        rows = cost.most(0.010)
        learn(cost, rows, 0.050 + 0.001 * rows)

    # Three quarters of the time at least are for the rows.
    assert 150 <= cost.most(0.010) <= 1_000


def test_a_single_row_that_takes_too_long_is_a_batch() -> None:
    cost = CostModel()
    for rows in (1, 3, 6):
        learn(cost, rows, 0.020 * rows)

    assert cost.most(0.010) == 1


def test_smaller_batches_are_tried_where_only_long_ones_were_seen() -> None:
    cost = CostModel()
    learn(cost, 1_000, 0.500)

    assert cost.most(0.010) == 20


def test_a_size_that_was_slow_once_is_tried_again() -> None:
    cost = CostModel()
    for rows, seconds in ((1_000, 0.100), (400, 0.001)):
        learn(cost, rows, seconds)

    assert cost.most(0.010) >= 1_000


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.floats(1e-6, 10)), min_size=8),
    st.integers(1, 20_000),
)
def test_the_cost_of_a_row_stays_within_what_was_measured(
    batches: list[tuple[int, float]], rows: int
) -> None:
    cost = CostModel()
    for size, seconds in batches:
        cost.observe(size, seconds, contended=False)

    per_row = [seconds / size for size, seconds in batches]
    estimate = cost.expected(rows)
    assert estimate is not None
    assert min(per_row) * 0.999 <= estimate / rows <= max(per_row) * 1.001


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.floats(1e-6, 1)), min_size=1, max_size=20),
    st.integers(1, 10**6),
)
def test_rows_take_what_batches_of_some_size_that_was_seen_took(
    batches: list[tuple[int, float]], weight: int
) -> None:
    cost = CostModel()
    assert cost.in_batches(weight) == math.inf
    for size, seconds in batches:
        cost.observe(size, seconds, contended=False)

    each = [seconds / size for size, seconds in batches]
    found = cost.in_batches(weight) / weight
    assert min(each) * 0.999 <= found <= max(each) * 1.001
    # What is known to be short, as a batch, is no longer in all.
    alone = cost.alone(weight)
    assert alone is None or alone == pytest.approx(cost.in_batches(weight))
