"""JSON taken apart, and its keys counted, without making what is inside.

Msgspec passes over content at a GB a second, and stops at the first key or item that is too much:
so a request is known to be too large, or to say a thing twice, before anything is made of it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from serving.errors import Loc

Weights = Mapping[bytes, int]
"""Sign → what each of it counts."""

# Up to here Python counts bytes faster than NumPy begins to.
_SHORT = 4_096
# What is counted at a time: NumPy makes some arrays of its size.
_PART = 64 * 1024
_BACKSLASHES = re.compile(rb"\\*")
# By how much a sign makes what follows deeper.
_STEPS = np.zeros(256, np.int8)
_STEPS[[ord("["), ord("{")]] = 1
_STEPS[[ord("]"), ord("}")]] = -1
# How JSON may spell a number that nobody does: stand-ins for those that only Python has.
_STAND_INS = [b"0E+00%d" % number for number in range(10)]


class TooManyError(Exception):
    """There are more keys or items than allowed."""


class DuplicateError(Exception):
    """A key is given more than once in an object.

    Attributes:
        loc: Where, from the content's beginning.
    """

    def __init__(self, loc: Loc) -> None:
        super().__init__()
        self.loc = loc


class _Key(str):
    __slots__ = ()


def members(content: bytes, most: int) -> dict[str, msgspec.Raw]:
    """Returns the members of an object by key, each as it is written.

    Args:
        content: A JSON object.
        most: Most members allowed.

    Raises:
        TooManyError: There are more.
        DuplicateError: A key is given more than once.
    """
    seen: set[str] = set()

    def check(_: type, key: str) -> _Key:
        if key in seen:
            raise DuplicateError((key,))
        if len(seen) == most:
            raise TooManyError
        seen.add(key)
        return _Key(key)

    found: Any = msgspec.json.decode(content, type=dict[_Key, msgspec.Raw], dec_hook=check)
    return dict(found)


def items(content: bytes, most: int) -> list[msgspec.Raw]:
    """Returns the items of an array, each as it is written.

    Args:
        content: A JSON array.
        most: Most items allowed.

    Raises:
        TooManyError: There are more.
    """
    may_be_more = content.count(b",") >= most
    if may_be_more and not any(_are_few(content, most, kind) for kind in (False, True)):
        _require_few(content, most)
    found = msgspec.json.decode(content, type=list[msgspec.Raw])
    if len(found) > most:
        raise TooManyError
    return found


def _require_few(content: bytes, most: int) -> None:
    """Counts the items of an array that are of several kinds: the commas that part them.

    Raises:
        TooManyError: There are more than `most`.
    """
    found, depth = 1, 0
    for part in without_texts(content):
        signs = np.frombuffer(part, np.uint8)
        depths = depth + np.cumsum(_STEPS[signs], dtype=np.int32)
        found += int(np.count_nonzero(depths[signs == ord(",")] == 1))
        if found > most:
            raise TooManyError
        depth = int(depths[-1]) if len(depths) else depth


def _are_few(content: bytes, most: int, is_array: bool) -> bool:
    """Whether all items are of one kind: objects, or arrays.

    Raises:
        TooManyError: The first `most` are, and there are more.
    """
    left = most

    class Item(msgspec.Struct, array_like=is_array):
        def __post_init__(self) -> None:
            nonlocal left
            if not left:
                raise TooManyError
            left -= 1

    try:
        msgspec.json.decode(content, type=list[Item])
    except msgspec.ValidationError:
        return False
    return True


def count_colons(content: bytes) -> int:
    """Returns the number of colons: one behind every key, the others inside of texts."""
    if len(content) < _SHORT:
        return content.count(b":")
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == ord(":")))


def count_keys(value: Any) -> int:
    """Returns the number of keys of the objects in plain Python that was decoded from JSON."""
    if isinstance(value, dict):
        return len(value) + sum(map(count_keys, value.values()))
    if isinstance(value, list):
        return sum(map(count_keys, value))
    return 0


def most_problems(content: bytes, width: int) -> int:
    """Returns how many problems JSON may have at most: of its values, and of what objects lack.

    Args:
        content: The JSON.
        width: Fields of an object.
    """
    return _weigh(content, _of_problems(width))


def may_exceed(content: bytes, width: int, most: int, most_lists: int) -> bool:
    """Whether more may be wrong with some JSON than so much; see `most_problems`.

    Args:
        content: The JSON.
        width: Fields of an object.
        most: Most problems.
        most_lists: Most lists, which may be in one another without a value between.
    """
    return exceeds(content, (_of_problems(width), most), ({b"[": 1}, most_lists))


def has_more_values(content: bytes, most: int) -> bool:
    """Whether some JSON has more values than so many, of which an object or a list is one, too."""
    return exceeds(content, ({b",": 1, b"[": 1, b"{": 1}, most - 1))


def exceeds(content: bytes, *bounds: tuple[Weights, int]) -> bool:
    """Whether JSON has more of some signs than it may, those of its texts not counted.

    Args:
        content: The JSON.
        *bounds: Signs, and the most that they may weigh together.
    """
    # With those of its texts: it hardly ever has too many.
    if all(_weigh(content, weights) <= most for weights, most in bounds):
        return False
    found = [0] * len(bounds)
    for part in without_texts(content):
        for at, (weights, most) in enumerate(bounds):
            found[at] += _weigh(part, weights)
            if found[at] > most:
                return True
    return False


def _of_problems(width: int) -> Weights:
    return {b"{": width, b",": 1}


def _weigh(content: bytes, weights: Weights) -> int:
    return sum(content.count(sign) * weight for sign, weight in weights.items())


def has_long_text(content: bytes) -> bool:
    """Whether some JSON has a text of 128 KiB or more; one of less than 64 KiB is none."""
    starts = range(0, len(content) - _PART, _PART)
    return any(_may_be_text(content, at) for at in starts) and not all(without_texts(content))


def _may_be_text(content: bytes, at: int) -> bool:
    """Whether a whole part of some JSON may be of one text, as far as is easily seen."""
    quote = content.find(b'"', at, at + _PART)
    return quote < 0 or content[quote - 1 : quote] == b"\\"


def without_texts(content: bytes) -> Iterator[bytes]:
    """Yields what JSON has beside the content of its texts, some of it at a time.

    An object for each text would be fifty times the content.
    """
    in_text = False
    for part in _parts(content):
        signs = np.frombuffer(part.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
        texts = np.logical_xor.accumulate(signs == ord('"')) ^ in_text
        yield signs[~texts].tobytes()
        in_text = bool(texts[-1]) if len(texts) else in_text


def _parts(content: bytes) -> Iterator[bytes]:
    """Yields content in parts, none of which ends between a backslash and what it escapes."""
    at = 0
    while at < len(content):
        end = at + _PART
        if content[end - 1 : end] == b"\\":
            run: Any = _BACKSLASHES.match(content, end)
            end = run.end() + 1
        yield content[at:end]
        at = end


def require_unique(content: bytes) -> None:
    """Makes sure that no object of valid JSON has a key twice.

    Raises:
        DuplicateError: One has.
    """
    try:
        if count_colons(content) == count_keys(msgspec.json.decode(content)):
            return
    except (msgspec.DecodeError, RecursionError):
        # Python's JSON may have numbers that are not finite.
        pass
    found = json.loads(content, object_pairs_hook=_once, parse_int=str, parse_float=str)
    for loc in _duplicates(found, ()):
        raise DuplicateError(loc)


class _Twice(dict[str, Any]):
    """An object with a key that it has twice."""

    key = ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    found, seen = _Twice(made), set()
    for key, _ in pairs:
        if key in seen:
            found.key = key
            break
        seen.add(key)
    return found


def _duplicates(value: Any, loc: Loc) -> Iterator[Loc]:
    if isinstance(value, _Twice):
        yield (*loc, value.key)
    inside = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inside:
        yield from _duplicates(one, (*loc, key))


class Json:
    """Content that is JSON, but for numbers that are not finite, which pydantic reads.

    Args:
        content: The content.

    Attributes:
        content: The content; in place of these numbers stand others that it did not have.

    Raises:
        msgspec.DecodeError: It is not JSON.
        RecursionError: It is nested too deeply.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._replaced: list[tuple[bytes, bytes]] = []
        try:
            msgspec.json.decode(content, type=msgspec.Raw)
        except msgspec.DecodeError:
            for name in (b"NaN", b"Infinity"):
                if name in self.content:
                    self._replace(name)
            if not self._replaced:
                raise
            msgspec.json.decode(self.content, type=msgspec.Raw)

    def _replace(self, name: bytes) -> None:
        free = [one for one in _STAND_INS if one not in self.content]
        if free:
            self.content = self.content.replace(name, free[0])
            self._replaced.append((name, free[0]))

    def original(self, part: bytes) -> bytes:
        """Returns a part of `content` as it was written."""
        for name, stand_in in self._replaced:
            part = part.replace(stand_in, name)
        return part
