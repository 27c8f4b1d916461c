"""Large JSON of the Open Inference Protocol, read by parts so that refusing it stays cheap.

What is not data is given to pydantic with all that is large without reason emptied; data are read
only where they can be what their shape asks for.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic_core import from_json

from serving.codecs.json_parts import (
    DuplicateError,
    Json,
    TooManyError,
    exceeds,
    items,
    members,
)
from serving.codecs.outline import empty
from serving.codecs.problems import problem, too_many_keys, twice
from serving.errors import Loc, ServingError

# Up to here pydantic is given the whole at once.
_SMALL = 16 * 1024
_MAX_TENSORS, _MAX_KEYS = 5_000, 100


class LargeBody:
    """A request's JSON, taken apart.

    Args:
        content: The JSON.

    Attributes:
        outline: The same without the data, and without what makes it large.

    Raises:
        ServingError: `invalid_input`.
    """

    def __init__(self, content: bytes) -> None:
        self._data: dict[int, bytes] = {}
        try:
            self._json = Json(content)
            self.outline = self._reduced(self._json.content.strip())
        except (msgspec.DecodeError, UnicodeError) as error:
            raise _refusal((), f"Invalid JSON: {error}", "json_invalid") from None
        except RecursionError:
            raise _refusal((), "Invalid JSON: nested too deeply", "json_invalid") from None

    def data(self, number: int, shape: Sequence[int], datatype: str, most: int) -> list[Any] | None:
        """Returns the data of an input, or an empty list in place of data not worth reading.

        Args:
            number: Which input.
            shape: Its shape.
            datatype: Its datatype.
            most: Most values that any input may have.

        Raises:
            ServingError: `invalid_input`.
        """
        raw = self._data.get(number)
        if raw is None:
            return None
        count = math.prod(shape[:3]) if len(shape) <= 2 else most + 1
        if count > most:
            # Refused for its shape.
            return []
        if _has_more_than(count, raw):
            raise _refusal(
                ("inputs", number, "data"),
                "The data hold more values than the shape asks for",
                "tensor",
            )
        try:
            found: list[Any] = from_json(self._json.original(raw))
        except ValueError as error:
            raise _refusal((), f"Invalid JSON: {error}", "json_invalid") from None
        return found

    def _reduced(self, content: bytes) -> bytes:
        if not content.startswith(b"{"):
            return empty(content)
        given: dict[str, bytes] = {}
        for key, raw in _members(content, ()).items():
            value = bytes(raw)
            if key in ("inputs", "outputs") and value.startswith(b"["):
                given[key] = self._tensors(key, value)
            else:
                given[key] = _parameters(value, (key,)) if key == "parameters" else _short(value)
        return _object(given)

    def _tensors(self, key: str, value: bytes) -> bytes:
        try:
            listed = items(value, _MAX_TENSORS)
        except TooManyError:
            if key == "outputs" and (names := _first_names(value)):
                # Some are asked for more than once, or are none: refused by their names.
                return msgspec.json.encode([{"name": name} for name in names])
            message = f"List should have at most {_MAX_TENSORS:,} items"
            raise _refusal((key, _MAX_TENSORS), message, "too_long") from None
        reduced = [
            self._tensor(number, bytes(raw), key == "inputs") for number, raw in enumerate(listed)
        ]
        return b"[" + b",".join(reduced) + b"]"

    def _tensor(self, number: int, value: bytes, is_input: bool) -> bytes:
        if not value.startswith(b"{"):
            return empty(value)
        loc: Loc = ("inputs" if is_input else "outputs", number)
        given: dict[str, bytes] = {}
        for key, raw in _members(value, loc).items():
            part = bytes(raw)
            if key == "data" and is_input and part.startswith(b"["):
                self._data[number] = part
                given[key] = b"[]"
            else:
                given[key] = _parameters(part, (*loc, key)) if key == "parameters" else _short(part)
        return _object(given)


def is_large(content: bytes) -> bool:
    """Whether pydantic should not be given the whole at once."""
    return len(content) > _SMALL


def _parameters(value: bytes, loc: Loc) -> bytes:
    if not value.startswith(b"{"):
        return empty(value)
    return _object({key: _short(bytes(raw)) for key, raw in _members(value, loc).items()})


def _members(content: bytes, loc: Loc) -> dict[str, msgspec.Raw]:
    try:
        return members(content, _MAX_KEYS)
    except TooManyError:
        raise ServingError.from_details([too_many_keys(loc, _MAX_KEYS)]) from None
    except DuplicateError as error:
        raise ServingError.from_details([twice((*loc, *error.loc))]) from None


def _short(value: bytes) -> bytes:
    return empty(value) if len(value) > 1_024 else value


def _object(given: dict[str, bytes]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(encode(str(key)) + b":" + given[key] for key in given) + b"}"


def _first_names(content: bytes) -> list[str]:
    """Returns the names of the first tensors of too many; none if one of them has no name."""
    names: list[str] = []

    class Named(msgspec.Struct):
        name: str

        def __post_init__(self) -> None:
            names.append(self.name)
            if len(names) == _MAX_TENSORS:
                raise TooManyError

    try:
        msgspec.json.decode(content, type=list[Named])
    except TooManyError:
        return names
    except msgspec.ValidationError:
        pass
    return []


def _has_more_than(count: int, data: bytes) -> bool:
    """Whether data are more than so many values, or lists of them; they may be of texts."""
    return exceeds(data, ({b",": 1}, max(count, 1) - 1), ({b"[": 1}, count + 1))


def _refusal(loc: Loc, message: str, kind: str) -> ServingError:
    return ServingError.from_details([problem(loc, message, kind)])
