"""Messages as protobuf's JSON: lower camel case, and numbers that may be texts; by descriptors."""

import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from serving.errors import Loc

Value = Callable[[Any], Any]

_VALUE = "google.protobuf.Value"
_LONG = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
_WHOLE = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32, *_LONG}
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?|NaN|-?Infinity")


class DuplicateNameError(Exception):
    """A field is given under both of its names.

    Attributes:
        loc: Its own name, behind the positions of the messages that it is in.
    """

    def __init__(self, loc: Loc) -> None:
        super().__init__()
        self.loc = loc


def reader(field: FieldDescriptor) -> Value | None:
    """Makes the function that turns the JSON of a field into plain Python, as far as it can.

    Fields of messages get their own names, and those that are `null`, which stands for a missing
    value, are left out. What is wrong stays as it is, for others to refuse.

    Returns:
        The function, or `None` if every value will do as it is.
    """
    if inside := _map_value(field):
        read_value = reader(inside)
        return read_value and (lambda value: _each_value(read_value, value))
    one = _one_reader(field)
    if one is None or not field.is_repeated:
        return one
    return lambda values: _each_item(one, values) if type(values) is list else values


def _each_item(convert: Value, values: list[Any]) -> list[Any]:
    found: list[Any] = []
    try:
        for value in values:
            found.append(convert(value))  # noqa: PERF401 - how many there are is looked at
    except DuplicateNameError as error:
        raise DuplicateNameError((len(found), *error.loc)) from None
    return found


def _one_reader(field: FieldDescriptor) -> Value | None:
    if field.cpp_type in _WHOLE:
        return _whole
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _number
    message: Any = field.message_type
    return message_reader(message) if message and message.full_name != _VALUE else None


def message_reader(message: Descriptor) -> Value:
    """Makes the function that does so with a message.

    The function raises a `DuplicateNameError`.
    """
    fields = {
        name: (field.name, reader(field))
        for field in message.fields
        for name in (field.name, field.json_name)
    }

    def read(given: Any) -> Any:
        if type(given) is not dict:
            return given
        found: dict[str, Any] = {}
        left_out = 0
        for key, value in given.items():
            known = fields.get(key)
            if known is None:
                found[key] = value
            elif value is None:
                left_out += 1
            else:
                name, convert = known
                found[name] = value if convert is None else convert(value)
        if len(found) + left_out < len(given):
            raise DuplicateNameError((_first_twice(given, fields),))
        return found

    return read


def _first_twice(given: dict[str, Any], fields: dict[str, tuple[str, Any]]) -> str:
    names = [fields[key][0] for key in given if key in fields]
    return next(name for name in names if names.count(name) > 1)


def _map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """Returns the field of the values of a map."""
    message = field.message_type
    if not message or not message.GetOptions().map_entry:
        return None
    value: FieldDescriptor = message.fields_by_name["value"]
    return value


def _each_value(convert: Value, given: Any) -> Any:
    if type(given) is not dict:
        return given
    return {key: convert(value) for key, value in given.items()}


def _whole(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is str and _INTEGER.fullmatch(value):
        return int(value)
    return int(value) if type(value) is float and value.is_integer() else value


def _number(value: Any) -> Any:
    return float(value) if type(value) is str and _NUMBER.fullmatch(value) else value


def writer(field: FieldDescriptor) -> Value | None:
    """Makes the function that turns a field's plain Python into protobuf's JSON.

    Returns:
        The function, or `None` if every value is written as it is.
    """
    if inside := _map_value(field):
        write_value = writer(inside)
        return write_value and (lambda value: _each_value(write_value, value))
    one = _one_writer(field)
    if one is None or not field.is_repeated:
        return one
    return lambda values: list(map(one, values))


def _one_writer(field: FieldDescriptor) -> Value | None:
    if field.cpp_type in _LONG:
        # A number of 64 bits is more than JavaScript's.
        return lambda value: None if value is None else str(value)
    if not field.message_type or field.message_type.full_name == _VALUE:
        return None
    fields = field.message_type.fields
    writers = {one.name: inside for one in fields if (inside := writer(one)) is not None}
    names = {one.name: one.json_name for one in fields}
    if not writers and all(name == json_name for name, json_name in names.items()):
        return None

    def write(content: dict[str, Any]) -> dict[str, Any]:
        return {
            names[name]: writers[name](value) if name in writers else value
            for name, value in content.items()
        }

    return write
