"""JSON is measured without an object for each of its values and texts."""

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codecs import json_parts
from serving.codecs.json_parts import (
    TooManyError,
    has_long_text,
    has_more_values,
    items,
    may_exceed,
    most_problems,
    without_texts,
)

WIDTH = 3
TEXTS = st.text(st.sampled_from('a,{[]}":\\é'), max_size=12)
VALUES = st.recursive(
    st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def with_empty_texts(value: Any) -> str:
    """The JSON of a value with every text and key empty."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"": {with_empty_texts(one)}' for one in value.values()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(with_empty_texts, value)) + "]"
    return '""' if isinstance(value, str) else json.dumps(value)


def size(value: Any) -> int:
    """How many values there are, each object and list among them."""
    inside = value.values() if isinstance(value, dict) else value
    return 1 + (sum(map(size, inside)) if isinstance(value, dict | list) else 0)


@given(value=VALUES, part=st.integers(1, 20), ascii_only=st.booleans())
def test_texts_are_left_out_wherever_a_part_ends(value: Any, part: int, ascii_only: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only).encode()
    bare = with_empty_texts(value).encode()
    problems, lists = most_problems(bare, WIDTH), bare.count(b"[")

    with mock.patch.object(json_parts, "_PART", part):
        # Of a text remains the quote at its end.
        assert b"".join(without_texts(content)) == bare.replace(b'""', b'"')
        assert not may_exceed(content, WIDTH, problems, lists)
        assert not problems or may_exceed(content, WIDTH, problems - 1, lists)
        assert not lists or may_exceed(content, WIDTH, problems, lists - 1)
        # What opens an object or a list and what parts values is counted; an empty one is, twice.
        empty = bare.count(b"[]") + bare.count(b"{}")
        assert not has_more_values(content, size(value) + empty)
        assert has_more_values(content, size(value) - 1)


@given(value=st.lists(VALUES, min_size=1, max_size=8), part=st.integers(1, 20))
def test_items_are_counted_whatever_they_are(value: list[Any], part: int) -> None:
    content = json.dumps(value).encode()

    with mock.patch.object(json_parts, "_PART", part):
        assert [json.loads(bytes(one)) for one in items(content, len(value))] == value
        with pytest.raises(TooManyError):
            items(content, len(value) - 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'"%s"' % (b"x" * 200_000), True),
        (b'["%s", "%s"]' % (b"x" * 60_000, b'\\"' * 100_000), True),
        (b"[%s]" % b", ".join([b'"%s"' % (b"x" * 60_000)] * 10), False),
        (b'[""%s]' % (b" " * 200_000), False),
        (b"1" * 200_000, False),
    ],
)
def test_a_long_text_is_found(content: bytes, expected: bool) -> None:
    assert has_long_text(content) is expected
