from hypothesis import given
from hypothesis import strategies as st

from serving.limits.bucket import OwnBuckets, Rate, take

RATES = st.builds(Rate, rows=st.floats(min_value=0.1, max_value=1e5), burst=st.integers(1, 10_000))
# Seconds since the last request, and rows.
REQUESTS = st.lists(st.tuples(st.floats(0, 10), st.integers(1, 10_000)), min_size=1, max_size=60)


@given(rate=RATES, requests=REQUESTS, begin=st.floats(0, 1e7))
def test_no_window_has_more_than_it_may(
    rate: Rate, requests: list[tuple[float, int]], begin: float
) -> None:
    full_at, now = 0.0, begin
    granted: list[tuple[float, int]] = []
    for seconds, rows in requests:
        now += seconds
        least = min(rows, rate.burst)
        full_at, grant = take(full_at, now, rate, least, least)
        granted.append((now, grant.rows))

    for first, (start, _) in enumerate(granted):
        total = 0
        for moment, rows in granted[first:]:
            total += rows
            # Floating point at 1e7 s is exact to 2e-9 s, and each grant rounds once.
            slack = 1e-3 + 1e-8 * rate.rows * len(granted)
            assert total <= rate.burst + rate.rows * (moment - start) + slack


@given(rate=RATES, requests=REQUESTS)
def test_who_waits_as_told_is_let_through(rate: Rate, requests: list[tuple[float, int]]) -> None:
    full_at, now = 0.0, 1_000.0
    for seconds, rows in requests:
        now += seconds
        least = min(rows, rate.burst)
        full_at, grant = take(full_at, now, rate, least, least)
        if not grant.rows:
            assert grant.wait > 0
            now += grant.wait + 1e-6
            full_at, grant = take(full_at, now, rate, least, least)
        assert grant.rows == least


@given(rate=RATES, least=st.integers(1, 100), more=st.integers(0, 10_000))
def test_what_is_left_can_be_taken(rate: Rate, least: int, more: int) -> None:
    least = min(least, rate.burst)
    full_at, grant = take(0.0, 50.0, rate, least, least + more)

    assert grant.rows == min(rate.burst, least + more)
    assert grant.left == rate.burst - grant.rows
    if grant.left:
        _, rest = take(full_at, 50.0, rate, grant.left, grant.left)
        assert rest.rows == grant.left


def test_names_that_were_made_up_are_forgotten() -> None:
    now = 0.0
    buckets = OwnBuckets(lambda: now)
    buckets._MOST = 10
    for number in range(100):
        now = float(number)
        buckets.take(str(number), Rate(1, 5), 1, 1)

    assert len(buckets._full_at) <= 11
    assert buckets.take("99", Rate(1, 5), 5, 5).rows == 0
