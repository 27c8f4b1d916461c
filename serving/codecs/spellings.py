"""Rows whose fields go by any of their names, or are left out: made into those of all fields."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import msgspec
from msgspec import UNSET
from pydantic import BaseModel

from framework import FieldError
from framework.fields import FieldSpec, fields_of
from serving.codecs.field_types import field_type


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
        # Of each field: where its names stand in a row, and what stands for it where it is missing.
        ends = list(accumulate(map(len, self._names)))
        self._places = [
            (end - len(names), end, spec.required, spec.default)
            for end, names, spec in zip(ends, self._names, self._specs, strict=True)
        ]
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
        found: list[Sequence[Any]] = []
        given = 0
        for row in rows:
            spelt = msgspec.structs.astuple(row)
            values: list[Any] = []
            for start, stop, required, default in self._places:
                value = spelt[start]
                for at in range(start + 1, stop):
                    if spelt[at] is not UNSET:
                        if value is not UNSET:
                            return None
                        value = spelt[at]
                if value is not UNSET:
                    given += 1
                elif required:
                    return None
                else:
                    # Whoever changes a list of one row changes no other's.
                    value = default[:] if type(default) is list else default
                values.append(value)
            found.append(values)
        return found, given


def _optional(attribute: str, name: str, spec: FieldSpec) -> tuple[str, Any, Any]:
    return (
        attribute,
        field_type(spec) | msgspec.UnsetType,
        msgspec.field(name=name, default=UNSET),
    )
