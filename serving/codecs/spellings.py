"""Rows whose fields go by any of their names, or are left out: made into those of all fields."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import msgspec
from msgspec import UNSET
from pydantic import BaseModel

from framework import FieldError
from framework.fields import FieldSpec, fields_of
from serving.codecs.field_types import field_type

_Columns = list[Sequence[Any]]


class Spellings:
    """What a record's fields may be called in a request.

    Args:
        record: Type of the records.

    Attributes:
        struct: Type of a row that has each field under any of its names, or not at all.

    Raises:
        FieldError: Two fields share a name.
    """

    def __init__(self, record: type[BaseModel]) -> None:
        self._specs = fields_of(record)
        by_alias = record.model_config.get("validate_by_alias") is not False
        self._names = [spec.names if by_alias else (spec.name,) for spec in self._specs]
        every = [name for names in self._names for name in names]
        if len(set(every)) < len(every):
            raise FieldError(f"{record.__name__} has two fields of one name.")
        self._every = len(every)
        self.struct = msgspec.defstruct(
            record.__name__,
            [
                _optional(f"{spec.name}_{at}", name, spec)
                for spec, names in zip(self._specs, self._names, strict=True)
                for at, name in enumerate(names)
            ],
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )

    @property
    def is_one(self) -> bool:
        """Whether each field has one name and must be given."""
        return self._every == len(self._specs) and all(spec.required for spec in self._specs)

    def values(self, rows: Sequence[Any]) -> tuple[list[Sequence[Any]], int] | None:
        """Returns the values of rows in the order of the fields, and how many were given.

        None if a field is missing, or given under two names: ask pydantic.

        Args:
            rows: Instances of `struct`.
        """
        if not rows:
            return [], 0
        spelt: _Columns = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        given = sum(len(column) - column.count(UNSET) for column in spelt)
        columns: _Columns = []
        kept = start = 0
        for spec, names in zip(self._specs, self._names, strict=True):
            stop = start + len(names)
            column = _merged(spelt[start:stop])
            missing = column.count(UNSET)
            if missing and spec.required:
                return None
            kept += len(column) - missing
            columns.append(_filled(column, spec.default) if missing else column)
            start = stop
        return (list(zip(*columns, strict=True)), given) if kept == given else None


def _optional(attribute: str, name: str, spec: FieldSpec) -> tuple[str, Any, Any]:
    return (
        attribute,
        field_type(spec) | msgspec.UnsetType,
        msgspec.field(name=name, default=UNSET),
    )


def _merged(columns: _Columns) -> Sequence[Any]:
    first, *others = columns
    for other in others:
        if other.count(UNSET) < len(other):
            first = [b if a is UNSET else a for a, b in zip(first, other, strict=True)]
    return first


def _filled(column: Sequence[Any], default: Any) -> Sequence[Any]:
    # Whoever changes a list of one row changes no other's.
    made = map(list, repeat(default)) if isinstance(default, list) else repeat(default)
    return [next(made) if value is UNSET else value for value in column]
