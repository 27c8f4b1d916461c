"""Which side a request goes to."""

from hypothesis import given
from hypothesis import strategies as st

from serving.canary import is_chosen, key_of

shares = st.floats(0, 1)


@given(key=st.binary(), shares=st.tuples(shares, shares))
def test_a_larger_share_keeps_those_that_it_had(key: bytes, shares: tuple[float, float]) -> None:
    small, large = sorted(shares)
    assert is_chosen(key, large) or not is_chosen(key, small)


@given(key=st.one_of(st.none(), st.binary()))
def test_nobody_and_everybody(key: bytes | None) -> None:
    assert not is_chosen(key, 0)
    assert is_chosen(key, 1)


def test_a_share_is_a_share_of_the_callers() -> None:
    chosen = sum(is_chosen(b"caller %d" % number, 0.1) for number in range(10_000))
    assert 900 < chosen < 1_100


def test_the_key_is_the_callers_own_or_the_requests_id() -> None:
    def key(**headers: bytes) -> bytes | None:
        return key_of(lambda name: headers.get(name.replace("-", "_")))

    assert key(x_canary_key=b"anna", x_request_id=b"1") == b"anna"
    assert key(x_request_id=b"1") == b"1"
    assert key() is None
