"""Large requests made up: one thing again and again, somewhere in a request."""

import copy
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.server.fuzz.made_up import STRUCTURES

SIZES = st.sampled_from([20_000, 90_000, 250_000, 300_000, 1_000_000, 4_000_000, 15_000_000])

_HOLE = "\0hole"
_HOLE_JSON = json.dumps(_HOLE)
# What stands for a number that is another one each time.
_NUMBER = b"#"
_VALUES = [
    *("1", "1.5", "12345678", "9" * 25, "1e30", "NaN", "null", "true"),
    *("[]", "{}", "[1]", "[[]]", '{"a":1}', '{"#":1}', "[" * 150 + "]" * 150),
    *('""', '"ab"', '"\\u0041"', '"\\\\"', '"low"', '"#"', '{"name":"#"}'),
]
_MEMBERS = ['"#":1', '"#":{}', '"#":"v"', '"level":1', '"":0', '"\\u0061#":[]']
_TEXTS = ["a", "\x7f", ",", "{", "\\n", "\\u00e9", "é", "😀", '\\"', "\\\\"]


@dataclass(frozen=True)
class Large:
    """A large request, told by what it is made of.

    Attributes:
        before: What it begins with.
        unit: What follows, again and again.
        between: What stands between two of these.
        after: What it ends with.
        size: About how many bytes it has.
    """

    before: bytes
    unit: bytes
    between: bytes
    after: bytes
    size: int

    @property
    def body(self) -> bytes:
        """The request."""
        numbers = itertools.count()
        room = self.size - len(self.before) - len(self.after)
        numbered = self.unit.count(_NUMBER)
        times = max(1, room // (len(self.unit) + len(self.between) + 6 * numbered))
        units = [self.unit] * times
        if numbered:
            units = [one.replace(_NUMBER, b"%d" % next(numbers)) for one in units]
        return self.before + self.between.join(units) + self.after


@st.composite
def large_json(draw: st.DrawFn, valid: dict[str, Any]) -> Large:
    """A valid request with something large in place of a value, or beside the values."""
    content = copy.deepcopy(valid)
    place = draw(st.sampled_from(list(_containers(content))))
    if isinstance(place, dict):
        place[draw(st.sampled_from([*place, "further"]))] = _HOLE
    elif draw(st.booleans()):
        place.append(_HOLE)
    else:
        place[draw(st.integers(0, len(place) - 1))] = _HOLE
    text = draw(st.just(json.dumps(content)) | st.just(_HOLE_JSON))
    before, after = text.split(_HOLE_JSON)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        opening, unit, between, closing = '"', draw(st.sampled_from(_TEXTS)), "", '"'
    elif kind == 1:
        opening, unit, between, closing = "{", draw(st.sampled_from(_MEMBERS)), ",", "}"
    else:
        made_up = STRUCTURES.filter(lambda one: len(one) < 1_000)
        unit = draw(st.sampled_from(_VALUES) | made_up)
        # Or side by side with what else is there.
        opening, between, closing = "[" * (kind - 2), ",", "]" * (kind - 2)
    return Large(
        (before + opening).encode(),
        unit.encode("utf-8", "surrogatepass"),
        between.encode(),
        (closing + after).encode(),
        draw(SIZES),
    )


def _containers(value: Any) -> Iterator[Any]:
    """Yields the objects and lists of a request, from outside in."""
    if isinstance(value, dict | list) and value:
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _containers(one)


# Fields of every kind: varints, eight and four bytes, empty texts, groups; and numbers in a list.
_UNITS = [
    *(bytes([tag, 1]) for tag in range(0x08, 0x48, 8)),
    *(bytes([tag, 0]) for tag in range(0x0A, 0x4A, 8)),
    *(b"\x09" + bytes(8), b"\x0d" + bytes(4), b"\x7b\x7c", b"\xf8\x07\x01"),
    *(b"\0", b"\1", b"\xff" * 9 + b"\1", bytes(4), bytes(7) + b"\x3f", b"\0\0\0\1a"),
]


@dataclass(frozen=True)
class LargeMessage:
    """A large message, told by what it is made of.

    Attributes:
        valid: What it begins with.
        path: Numbers of the fields in each other that hold the rest.
        unit: The rest, again and again.
        size: About how many bytes it has.
    """

    valid: bytes
    path: tuple[int, ...]
    unit: bytes
    size: int

    @property
    def body(self) -> bytes:
        """The message."""
        content = self.unit * (self.size // len(self.unit))
        for number in reversed(self.path):
            content = _varint(number << 3 | 2) + _varint(len(content)) + content
        return self.valid + content


def large_message(valid: bytes, *paths: tuple[int, ...]) -> st.SearchStrategy[LargeMessage]:
    """A valid message, and something many times beside its fields, or in one at a path."""
    units = st.sampled_from(_UNITS) | st.binary(min_size=1, max_size=12)
    return st.builds(LargeMessage, st.just(valid), st.sampled_from(paths), units, SIZES)


def _varint(number: int) -> bytes:
    made = b""
    while number > 127:
        made += bytes([number & 127 | 128])
        number >>= 7
    return made + bytes([number])
