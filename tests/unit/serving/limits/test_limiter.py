import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import Code, ServingError
from serving.limits.bucket import Grant, OwnBuckets, Rate
from serving.limits.limiter import Limiter


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


# Seconds since the last request, who of the workers has it, and its rows.
REQUESTS = st.lists(
    st.tuples(st.floats(0, 0.3), st.integers(0, 3), st.integers(1, 300)), max_size=200
)


@given(rate=st.floats(1, 1e5), burst=st.integers(1, 5_000), requests=REQUESTS)
def test_workers_together_let_no_more_through(
    rate: float, burst: int, requests: list[tuple[float, int, int]]
) -> None:
    allowed, clock = Rate(rate, burst), Time()
    shared = OwnBuckets(clock)
    limiters = [Limiter(shared, 4, clock) for _ in range(4)]
    start, admitted = clock.now, 0

    for seconds, worker, rows in requests:
        clock.now += seconds
        with contextlib.suppress(ServingError):
            limiters[worker].charge_at_once("key", allowed, min(rows, burst))
            admitted += min(rows, burst)
        assert admitted <= burst + rate * (clock.now - start) + 1e-3


def test_who_asks_steadily_gets_what_is_allowed() -> None:
    allowed, clock = Rate(1_000, 50), Time()
    shared = OwnBuckets(clock)
    limiters = [Limiter(shared, 4, clock) for _ in range(4)]
    admitted = 0

    for request in range(20_000):
        clock.now += 0.000_5
        with contextlib.suppress(ServingError):
            limiters[request % 4].charge_at_once("key", allowed, 1)
            admitted += 1

    assert 9_800 <= admitted <= 10_050


def test_a_refusal_says_when_and_how_much() -> None:
    limiter = Limiter(OwnBuckets(Time()), 1, Time())
    allowed = Rate(10, 20)
    limiter.charge_at_once("key", allowed, 15)

    with pytest.raises(ServingError) as refused:
        limiter.charge_at_once("key", allowed, 20)

    assert refused.value.code is Code.RATE_LIMITED
    assert str(refused.value) == "The limit of 10 rows a second is reached; try again in 1.5 s."
    assert dict(refused.value.headers) == {
        "retry-after": "2",
        "ratelimit-policy": '"rows";q=20;w=2',
        "ratelimit": '"rows";r=5;t=2',
    }


def test_what_never_fits_is_too_large() -> None:
    limiter = Limiter(OwnBuckets(Time()), 1, Time())

    with pytest.raises(ServingError, match="more than 20 rows") as refused:
        limiter.charge_at_once("key", Rate(10, 20), 21)

    assert refused.value.code is Code.PAYLOAD_TOO_LARGE


def test_an_empty_request_counts_as_one_row() -> None:
    clock = Time()
    limiter = Limiter(OwnBuckets(clock), 1, clock)
    limiter.charge_at_once("key", Rate(0.1, 1), 0)

    with pytest.raises(ServingError):
        limiter.charge_at_once("key", Rate(0.1, 1), 0)


def test_who_is_refused_asks_no_bucket_until_there_is_something() -> None:
    clock, asked = Time(), []
    own = OwnBuckets(clock)

    class Counted(OwnBuckets):
        def take(self, name: str, rate: Rate, least: int, most: int) -> Grant:
            asked.append(name)
            return own.take(name, rate, least, most)

    limiter, allowed = Limiter(Counted(clock), 2, clock), Rate(1, 1)
    limiter.charge_at_once("key", allowed, 1)
    for _ in range(10):
        with pytest.raises(ServingError):
            limiter.charge_at_once("key", allowed, 1)

    assert len(asked) == 2
    clock.now += 1.001
    limiter.charge_at_once("key", allowed, 1)
