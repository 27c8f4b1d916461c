"""What the cost model expects of batches it has and has not seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.cost import CostModel


def test_nothing_is_expected_before_the_first_batch() -> None:
    assert CostModel().estimate(1) is None


def test_the_first_batch_is_taken_at_its_word() -> None:
    cost = CostModel()
    cost.observe(8, 0.016)

    assert cost.estimate(8) == pytest.approx(0.016)
    assert cost.estimate(15) == pytest.approx(0.030)


def test_sizes_are_learnt_apart() -> None:
    cost = CostModel()
    cost.observe(1, 0.010)
    cost.observe(1_000, 0.100)

    assert cost.estimate(1) == pytest.approx(0.010)
    assert cost.estimate(1_000) == pytest.approx(0.100)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        (1, 0.001),  # smaller than any seen: as the smallest
        (64, 0.032),  # between: as the next smaller, dearer per row
        (4_096, 0.4096),  # larger than any seen: as the largest
    ],
)
def test_an_unseen_size_costs_as_the_nearest_smaller(rows: int, seconds: float) -> None:
    cost = CostModel()
    cost.observe(2, 0.002)
    cost.observe(16, 0.008)
    cost.observe(1_024, 0.1024)

    assert cost.estimate(rows) == pytest.approx(seconds)


def test_an_outlier_fades() -> None:
    cost = CostModel()
    cost.observe(4, 10.0)
    for _ in range(60):
        cost.observe(4, 0.004)

    assert cost.estimate(4) == pytest.approx(0.004, rel=0.01)


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.floats(1e-6, 10)), min_size=1),
    st.integers(1, 20_000),
)
def test_the_cost_of_a_row_stays_within_what_was_measured(
    batches: list[tuple[int, float]], rows: int
) -> None:
    cost = CostModel()
    for size, seconds in batches:
        cost.observe(size, seconds)

    per_row = [seconds / size for size, seconds in batches]
    estimate = cost.estimate(rows)
    assert estimate is not None
    assert min(per_row) * 0.999 <= estimate / rows <= max(per_row) * 1.001
