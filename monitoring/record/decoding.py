"""What an entry of the record says: its rows and its answers, whichever protocol brought it."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from framework.fields import FieldSpec
from framework.model import Model
from framework.record.frames import REDACTED, Entry
from monitoring.record import tensors
from monitoring.record.messages import Method, methods_of

Rows = list[dict[str, Any]]
_INFERENCE = "/inference.GRPCInferenceService/"
_STREAMED = "ModelStreamInfer"
_COLUMNS = "/v2/models/"


class UnreadableError(Exception):
    """An entry that its model cannot read, such as one of another form of its record type."""


class Decoder:
    """Reads the entries of one model.

    Args:
        model: The model.
    """

    def __init__(self, model: Model[Any, Any]) -> None:
        self._fields = model.encoder.fields
        self._records: TypeAdapter[list[Any]] = TypeAdapter(list[model.record])  # type: ignore[name-defined]
        self._methods: dict[str, Method] = {}
        if (proto := model.descriptor) is not None:
            self._methods = dict(methods_of(proto))
        # A message has no null.
        self._missing = {one.name: None for one in self._fields if one.nullable and one.required}
        self._named = {name: field for field in self._fields for name in field.names}

    def rows(self, entry: Entry) -> Rows:
        """Returns the rows of a request: the values of the record's fields, by name.

        Fields that are not recorded are missing.

        Raises:
            UnreadableError: They are not what the model takes.
        """
        content_type = entry.content_type
        if content_type.endswith(REDACTED):
            found: Rows = msgspec.msgpack.decode(entry.body)
            return found
        given = self._read(entry, self._given)
        try:
            return [dict(vars(one)) for one in self._records.validate_python(given)]
        except ValidationError as error:
            problem = error.errors(include_input=False)[0]
            raise UnreadableError(f"{problem['loc']}: {problem['msg']}") from None

    def answers(self, entry: Entry) -> Rows:
        """Returns the answers, by field; none if they are not recorded.

        Raises:
            UnreadableError: They are in no form that is known.
        """
        return self._read(entry, self._answered) if entry.answer else []

    @staticmethod
    def _read(entry: Entry, read: Callable[[Entry], Rows]) -> Rows:
        try:
            return read(entry)
        except Exception as error:
            raise UnreadableError(f"{entry.route}: {error}") from error

    def _given(self, entry: Entry) -> Rows:
        body = entry.body
        if method := self._methods.get(entry.route):
            rows = method.rows(body, is_json=_is_json(entry))
            return [{**self._missing, **row} for row in rows]
        if entry.route.startswith(_INFERENCE):
            return [self._from_tensors(row) for row in tensors.records(tensors.from_request(body))]
        if _is_columns(entry):
            found = tensors.records(tensors.from_json(body, "inputs"))
            return [self._from_tensors(row) for row in found]
        content = msgspec.json.decode(body)
        if isinstance(content, dict):
            (content,) = content.values()
        given: Rows = content
        return given

    def _answered(self, entry: Entry) -> Rows:
        body = entry.answer
        if method := self._methods.get(entry.route):
            return method.answers(body, is_json=_is_json(entry))
        if entry.route.startswith(_INFERENCE):
            is_streamed = entry.route.endswith(_STREAMED)
            return tensors.records(tensors.from_response(body, is_streamed=is_streamed))
        if _is_columns(entry):
            return tensors.records(tensors.from_json(body, "outputs"))
        answers: Rows = msgspec.json.decode(body)
        return answers

    def _from_tensors(self, row: dict[str, Any]) -> dict[str, Any]:
        """Turns a row of tensors into one as JSON has it."""
        return {name: _value(self._named[name], value) for name, value in row.items()}


def _value(field: FieldSpec, value: Any) -> Any:
    if field.length is not None:
        listed = value if isinstance(value, list) else [value]
        if field.nullable and all(map(_is_missing, listed)):
            return None
        return [_single(field, one) for one in listed]
    # Among texts of tensors, an empty one is missing.
    if field.nullable and (_is_missing(value) or value == ""):
        return None
    return _single(field, value)


def _single(field: FieldSpec, value: Any) -> Any:
    if field.kind == "bool":
        return bool(value)
    if isinstance(value, float) and value.is_integer() and field.kind in ("int", "category"):
        return int(value)
    return value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_json(entry: Entry) -> bool:
    return "json" in entry.content_type


def _is_columns(entry: Entry) -> bool:
    return _COLUMNS in entry.route and entry.route.endswith("/infer")
