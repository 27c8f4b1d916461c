"""Rows that are large without reason, cut to what it takes to refuse them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from framework import FieldError
from framework.fields import fields_of, has_own_rules
from serving.codecs.json_parts import members

# Keys that a row may have beside those of its type.
_MAX_FURTHER_KEYS = 1_000

# What is shorter is given to pydantic as it is.
_LARGE = 1_024
_EMPTY = {ord("["): b"[]", ord("{"): b"{}"}


@dataclass(frozen=True)
class Outline:
    """What a row of some type may have that is large.

    Attributes:
        names: All names of its fields.
        lengths: Name of a list of fixed length → its length.
        is_plain: Whether the fields' own rules are all that there are: then a value is refused for
            being a list or an object, whatever is in it, and other keys do not matter.
    """

    names: frozenset[str]
    lengths: dict[str, int]
    is_plain: bool

    @property
    def most_keys(self) -> int:
        """Most keys of a row."""
        return len(self.names) + _MAX_FURTHER_KEYS

    @classmethod
    def of(cls, row_type: Any) -> "Outline | None":
        """Returns the outline of a type; `None` of one that has none."""
        try:
            specs = fields_of(row_type)
        except AttributeError:
            return None
        except FieldError:
            # Of other fields than ours the keys alone can be judged, where each further one is a
            # problem.
            if row_type.model_config.get("extra") != "forbid":
                return None
            return cls(frozenset(row_type.model_fields), {}, is_plain=False)
        lengths = {name: spec.length for spec in specs for name in spec.names if spec.length}
        names = frozenset(name for spec in specs for name in spec.names)
        return cls(names, lengths, not has_own_rules(row_type))

    def cut(self, row: bytes) -> bytes:
        """Returns a row that pydantic judges alike, and that is no larger than it need be.

        Raises:
            TooManyError: It has more keys than a row may have.
            DuplicateError: It has a key twice.
        """
        if not row.startswith(b"{"):
            return empty(row) if self.is_plain else row
        found = members(row, self.most_keys)
        if not self.is_plain:
            return row
        encode = msgspec.json.encode
        parts = (encode(str(key)) + b":" + self._value(key, found[key]) for key in found)
        return b"{" + b",".join(parts) + b"}"

    def _value(self, name: str, raw: msgspec.Raw) -> bytes:
        if name not in self.names:
            return b"0"
        value = bytes(raw)
        length = self.lengths.get(name)
        if len(value) <= _LARGE or not value.startswith((b"[", b"{")):
            return value
        if length is None or not value.startswith(b"["):
            return empty(value)
        if value.count(b",") < length:
            return value
        return b"[" + b",".join([b"0"] * (length + 1)) + b"]"


def empty(value: bytes) -> bytes:
    """Returns a value of the same kind, empty if it is a list or an object."""
    return _EMPTY.get(value[0], value) if value else value
