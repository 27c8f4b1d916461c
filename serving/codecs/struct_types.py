"""msgspec types derived from pydantic ones: what can be decoded fast, and surely alike.

Msgspec accepts nothing here that pydantic would refuse, and gives it the same values; a property
test holds the two to it. Whatever msgspec refuses is pydantic's to judge: an unknown field, a
number that is not finite and a text that is a number among them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import annotated_types
import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from framework import FieldError, Records
from framework.encoder import Encoder
from framework.fields import FieldSpec, fields_of, has_own_rules
from serving.codecs.field_types import field_type, limited
from serving.codecs.json_parts import count_colons, has_long_text
from serving.codecs.spellings import Spellings

# What msgspec raises for content that it refuses.
_REFUSED = (msgspec.MsgspecError, UnicodeError, RecursionError)
_values = msgspec.structs.astuple
_LARGE_BYTES, _LONG_TEXT = 2 * 2**20, 64 * 1024
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
HARMLESS = {
    "arbitrary_types_allowed",
    "extra",
    "frozen",
    "hide_input_in_errors",
    "json_schema_extra",
    "populate_by_name",
    "protected_namespaces",
    "strict",
    "title",
    "use_attribute_docstrings",
    "validate_assignment",
    "validate_by_alias",
    "validate_by_name",
}
"""What a type's configuration may say without a consequence for what it accepts, or with one that
is told here."""


class FastDecoder:
    """Decodes the records of requests, as far as msgspec is sure of them.

    Args:
        encoder: Encoder of the records.
        request: Type of the request, a model of one list of records, or `None` for a bare list.
        field: Name of that list.
        renamed: Names in JSON of fields, and of that list, that have others there.

    Raises:
        FieldError: The types have rules that msgspec cannot tell.
    """

    def __init__(
        self,
        encoder: Encoder[Any],
        request: type[BaseModel] | None,
        field: str,
        renamed: Mapping[str, str] = {},
    ) -> None:
        record: type[BaseModel] = encoder.record_type
        for one in (record, request):
            if one is not None:
                require_plain(one)
        self._encoder = encoder
        self._field = field
        try:
            self._rows_type = _rows(_struct(record), request, field)
            whole = _rows(_struct(record, complete=True, renamed=renamed), request, field)
            self._from_complete_json = _json_decoder(whole, request, field, renamed)
            self._spellings = Spellings(record)
            spelt = _rows(self._spellings.struct, request, field)
            self._from_spelt_json = _json_decoder(spelt, request, field)
        except (ValueError, OverflowError) as error:
            raise FieldError(f"{record.__name__}: {error}") from error
        self._is_list = request is None
        strict = bool(record.model_config.get("strict"))
        self._checks = [
            (index, TypeAdapter(_list_of(spec), config=ConfigDict(strict=strict)))
            for index, spec in enumerate(fields_of(record))
            if not spec.plain
        ]
        self._categories = [spec.name for spec in encoder.fields if spec.kind == "category"]
        # Values in which a colon may stand.
        self._texts = [
            index
            for index, spec in enumerate(encoder.fields)
            if spec.kind == "text" or any(":" in str(one) for one in spec.categories)
        ]

    def from_json(self, content: bytes) -> Records[Any] | None:
        """Returns the records of a request's JSON, or None: ask pydantic."""
        if self._may_be_quoted(len(content)) and has_long_text(content):
            return None
        try:
            rows = self._listed(self._from_complete_json(content))
            values: list[Sequence[Any]] = list(map(_values, rows))
            keys = len(rows) * len(self._encoder.fields)
        except _REFUSED:
            found = self._spelt(content)
            if found is None:
                return None
            values, keys = found
        keys += not self._is_list
        # Msgspec takes the last of two values for one key.
        if count_colons(content) != keys and not self._has_colons(content, values, keys):
            return None
        return self._encoded(values)

    def _spelt(self, content: bytes) -> tuple[list[Sequence[Any]], int] | None:
        """Returns the values of rows with other names or fewer fields, and how many are given."""
        if self._spellings.is_one:
            return None
        try:
            return self._spellings.values(self._listed(self._from_spelt_json(content)))
        except _REFUSED:
            return None

    def _listed(self, request: Any) -> Sequence[Any]:
        rows: Sequence[Any] = request if self._is_list else getattr(request, self._field)
        return rows

    def _has_colons(self, content: bytes, values: list[Sequence[Any]], keys: int) -> bool:
        """Whether colons beside those of the keys are all from texts, as far as is easily seen."""
        texts = sum(row[index].count(":") for index in self._texts for row in values if row[index])
        return count_colons(content) == keys + texts and not _ESCAPED_COLON.search(content)

    def from_list(self, rows: Sequence[dict[str, Any]], size: int) -> Records[Any] | None:
        """Returns the records that plain dictionaries describe, or None: ask pydantic.

        Args:
            rows: The dictionaries.
            size: Bytes of the request that they come from.
        """
        if self._may_be_quoted(size) and self._has_long_categories(rows):
            return None
        try:
            return self._encoded(list(map(_values, msgspec.convert(rows, self._rows_type))))
        except _REFUSED:
            return None

    def _may_be_quoted(self, size: int) -> bool:
        """Whether a request may have a text that msgspec must not refuse for its value.

        It would quote it whole, with four characters for one of some.
        """
        return size >= _LARGE_BYTES and bool(self._categories)

    def _has_long_categories(self, rows: Sequence[Any]) -> bool:
        values = (row.get(name) for row in rows if type(row) is dict for name in self._categories)
        return any(type(value) is str and len(value) > _LONG_TEXT for value in values)

    def _encoded(self, values: list[Sequence[Any]]) -> Records[Any] | None:
        for index, adapter in self._checks:
            column = [row[index] for row in values]
            try:
                if adapter.validate_python(column) != column:
                    return None
            except ValidationError:
                return None
        return Records.of_values(self._encoder, values)


def require_plain(declared: type[BaseModel]) -> None:
    """Makes sure that a type has no rules but those of its fields.

    Raises:
        FieldError: It has.
    """
    if has_own_rules(declared) or declared.model_config.keys() - HARMLESS:
        raise FieldError(f"{declared.__name__} has rules of its own.")


def _list_of(spec: FieldSpec) -> Any:
    return list[spec.annotation]  # type: ignore[name-defined]


def answer_struct(names: Sequence[str]) -> type[msgspec.Struct]:
    """Makes a type whose instances are written as JSON objects of these fields."""
    return msgspec.defstruct("Answer", [(name, Any) for name in names], gc=False)


def _rows(row: type[msgspec.Struct], request: type[BaseModel] | None, field: str) -> Any:
    rows: Any = list[row]  # type: ignore[valid-type]
    return rows if request is None else limited(rows, row_limits(request, field))


def _json_decoder(
    rows: Any, request: type[BaseModel] | None, field: str, renamed: Mapping[str, str] = {}
) -> Callable[[bytes], Any]:
    if request is None:
        return msgspec.json.Decoder(rows).decode
    whole = msgspec.defstruct(
        request.__name__, [(field, rows)], forbid_unknown_fields=True, rename=renamed
    )
    return msgspec.json.Decoder(whole).decode


def _struct(
    record: type[BaseModel], *, complete: bool = False, renamed: Mapping[str, str] = {}
) -> type[msgspec.Struct]:
    """Makes a record's type; if `complete`, all fields must be given."""
    fields: list[Any] = [_field(spec, complete=complete) for spec in fields_of(record)]
    return msgspec.defstruct(
        record.__name__,
        fields,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
        rename=renamed,
    )


def _field(spec: FieldSpec, *, complete: bool) -> tuple[Any, ...]:
    of = field_type(spec)
    if spec.required or complete:
        return (spec.name, of)
    default = spec.default
    if isinstance(default, list):
        # A copy each, and msgspec takes no list as a default.
        return (spec.name, of, msgspec.field(default_factory=lambda: list(default)))
    return (spec.name, of, default)


def row_limits(request: type[BaseModel], field: str) -> dict[str, Any]:
    """Returns `min_length` and `max_length` of a request's list of rows, as far as it has them.

    Raises:
        FieldError: The list has other rules, too.
    """
    limits: dict[str, Any] = {}
    info = request.model_fields[field]
    for rule in info.metadata:
        if isinstance(rule, annotated_types.MinLen):
            limits["min_length"] = rule.min_length
        elif isinstance(rule, annotated_types.MaxLen):
            limits["max_length"] = rule.max_length
        else:
            raise FieldError(f"{request.__name__}.{field} has rules of its own.")
    if info.validation_alias or not info.is_required():
        raise FieldError(f"{request.__name__}.{field} may go by another name, or be left out.")
    return limits
