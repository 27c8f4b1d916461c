"""msgspec types derived from pydantic ones: what can be decoded fast, and surely alike.

Msgspec accepts nothing here that pydantic would refuse, and gives it the same values; a property
test holds the two to it. Whatever msgspec refuses is pydantic's to judge.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import annotated_types
import msgspec
from msgspec import Meta
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from framework import FieldError, Records
from framework.fields import FieldSpec, fields_of, has_own_rules
from framework.records import Encoder

# What msgspec raises for content that it refuses.
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_TYPES: dict[str, Any] = {"float": float, "int": int, "bool": bool, "text": str}


class FastDecoder:
    """Decodes the records of requests, as far as msgspec is sure of them.

    Args:
        encoder: Encoder of the records.
        request: Type of the request, a model of one list of records, or `None` for a bare list.
        field: Name of that list.

    Raises:
        FieldError: The types have rules that msgspec cannot tell.
    """

    def __init__(self, encoder: Encoder[Any], request: type[BaseModel] | None, field: str) -> None:
        record: type[BaseModel] = encoder.record_type
        if has_own_rules(record) or (request is not None and has_own_rules(request)):
            raise FieldError(f"{record.__name__} has rules of its own.")
        self._encoder = encoder
        row = _struct(record)
        rows: Any = list[row]  # type: ignore[valid-type]
        self._rows_type = rows
        self._field = field
        if request is not None:
            rows = _request(request, field, rows)
        self._from_json = msgspec.json.Decoder(rows).decode
        self._is_list = request is None
        strict = bool(record.model_config.get("strict"))
        self._checks = [
            (index, TypeAdapter(_list_of(spec), config=ConfigDict(strict=strict)))
            for index, spec in enumerate(fields_of(record))
            if not spec.plain
        ]

    def from_json(self, content: bytes) -> Records[Any] | None:
        """Returns the records of a request's JSON, or None: ask pydantic."""
        try:
            request = self._from_json(content)
        except _REFUSED:
            return None
        return self._encoded(request if self._is_list else getattr(request, self._field))

    def from_list(self, rows: Sequence[dict[str, Any]]) -> Records[Any] | None:
        """Returns the records that plain dictionaries describe, or None: ask pydantic."""
        try:
            records = self._encoded(msgspec.convert(rows, self._rows_type))
        except _REFUSED:
            return None
        # JSON has no infinity and no NaN, and msgspec no rule against them.
        if records is not None and not math.isfinite(records.matrix.sum()) and _has_odd(rows):
            return None
        return records

    def _encoded(self, rows: Sequence[msgspec.Struct]) -> Records[Any] | None:
        values = [msgspec.structs.astuple(row) for row in rows]
        for index, adapter in self._checks:
            try:
                adapter.validate_python([row[index] for row in values])
            except ValidationError:
                return None
        return self._encoder.encode(values)


def _has_odd(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a number of some rows is infinite or NaN."""
    values = chain.from_iterable(row.values() for row in rows)
    numbers = chain.from_iterable(one if isinstance(one, list) else (one,) for one in values)
    return any(isinstance(one, float) and not math.isfinite(one) for one in numbers)


def _list_of(spec: FieldSpec) -> Any:
    return list[spec.annotation]  # type: ignore[name-defined]


def answer_struct(names: Sequence[str]) -> type[msgspec.Struct]:
    """Makes a type whose instances are written as JSON objects of these fields."""
    return msgspec.defstruct("Answer", [(name, Any) for name in names], gc=False)


def _struct(record: type[BaseModel]) -> type[msgspec.Struct]:
    extra = record.model_config.get("extra") or "ignore"
    fields: list[Any] = [_field(record, spec) for spec in fields_of(record)]
    return msgspec.defstruct(
        record.__name__, fields, forbid_unknown_fields=extra == "forbid", kw_only=True, gc=False
    )


def _field(record: type[BaseModel], spec: FieldSpec) -> tuple[Any, ...]:
    of = _type(spec)
    if spec.required:
        return (spec.name, of)
    default = spec.default
    if isinstance(default, list):
        # A copy each, and msgspec takes no list as a default.
        return (spec.name, of, msgspec.field(default_factory=lambda: list(default)))
    return (spec.name, of, default)


def _type(spec: FieldSpec) -> Any:
    of: Any = Literal[spec.categories]
    if not spec.categories:
        of = _limited(_TYPES[spec.kind], _limits(spec))
    if spec.length is not None:
        of = Annotated[list[of], Meta(min_length=spec.length, max_length=spec.length)]
    return of | None if spec.nullable else of


def _limits(spec: FieldSpec) -> dict[str, Any]:
    limits: dict[str, Any] = dict(spec.bounds)
    if spec.kind == "int" and any(limit != int(limit) for limit in limits.values()):
        raise FieldError(f"{spec.name}: a whole number has a fraction for a limit.")
    if spec.kind == "int":
        limits = {name: int(limit) for name, limit in limits.items()}
    shortest, longest = spec.lengths
    if spec.kind == "text":
        limits |= {"min_length": shortest, "max_length": longest}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _limited(of: Any, limits: dict[str, Any]) -> Any:
    return Annotated[of, Meta(**limits)] if limits else of


def _request(request: type[BaseModel], field: str, rows: Any) -> type[msgspec.Struct]:
    limits: dict[str, Any] = {}
    for rule in request.model_fields[field].metadata:
        if isinstance(rule, annotated_types.MinLen):
            limits["min_length"] = rule.min_length
        elif isinstance(rule, annotated_types.MaxLen):
            limits["max_length"] = rule.max_length
        else:
            raise FieldError(f"{request.__name__}.{field} has rules of its own.")
    extra = request.model_config.get("extra") or "ignore"
    return msgspec.defstruct(
        request.__name__,
        [(field, _limited(rows, limits))],
        forbid_unknown_fields=extra == "forbid",
    )
