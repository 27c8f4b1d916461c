"""API keys: their form, and what is kept of them."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from framework.access.keys import digest, key_id, new_id, new_key

LETTERS = string.ascii_letters + string.digits + "_-"


def test_a_key_is_long_and_names_its_id() -> None:
    own_id = new_id()
    key = new_key(own_id)

    assert re.fullmatch(rf"ms_{own_id}_[A-Za-z0-9_-]{{43}}[A-Za-z0-9]{{6}}", key)
    assert key_id(key) == own_id


def test_no_two_keys_are_alike() -> None:
    assert len({new_key("aaaaaaaa") for _ in range(1_000)}) == 1_000
    assert len({new_id() for _ in range(1_000)}) == 1_000


@given(st.integers(0, 61), st.sampled_from(LETTERS))
def test_a_slip_of_the_pen_is_no_key(place: int, letter: str) -> None:
    key = new_key("abcd1234")
    mistyped = key[:place] + letter + key[place + 1 :]

    assert (key_id(mistyped) is None) == (mistyped != key)


@given(st.text())
def test_other_texts_are_none(text: str) -> None:
    assert key_id(text) is None


def test_what_is_kept_does_not_tell_the_key() -> None:
    key = new_key("abcd1234")

    assert re.fullmatch("[0-9a-f]{64}", digest(key))
    assert digest(key) != digest(new_key("abcd1234"))
