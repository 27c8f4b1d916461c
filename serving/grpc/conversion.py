"""Messages to Python values and back, and whether they fit a schema; driven by descriptors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

Schema = Mapping[str, Any]

_VALUE = "google.protobuf.Value"
_SCALARS = {
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_INT64: "integer",
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_UINT32: "integer",
    FieldDescriptor.CPPTYPE_UINT64: "integer",
}


def reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    """Makes the function that turns a field's value into plain Python.

    Messages become dicts of the fields they have: one that is missing is missing there too.
    """
    if field.message_type:
        if is_map(field):
            return dict
        read = _message_reader(field.message_type)
        return (lambda values: [read(value) for value in values]) if field.is_repeated else read
    return list if field.is_repeated else lambda value: value


def _message_reader(message: Descriptor) -> Callable[[Message], dict[str, Any]]:
    names = {field: field.name for field in message.fields}
    readers = {
        field: reader(field) for field in message.fields if field.is_repeated or field.message_type
    }

    def read(content: Message) -> dict[str, Any]:
        return {names[field]: value for field, value in content.ListFields()}

    def read_deep(content: Message) -> dict[str, Any]:
        return {
            names[field]: readers[field](value) if field in readers else value
            for field, value in content.ListFields()
        }

    return read_deep if readers else read


def writer(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    """Makes the function that prepares plain Python for a message's constructor.

    Returns:
        The function, or `None` if every value will do as it is: only a `google.protobuf.Value`,
        however deep, needs preparing.
    """
    if not field.message_type or is_map(field):
        return None
    write = _message_writer(field.message_type)
    if write is None or not field.is_repeated:
        return write
    return lambda values: [write(value) for value in values]


def _message_writer(message: Descriptor) -> Callable[[Any], dict[str, Any]] | None:
    if message.full_name == _VALUE:
        return _value
    writers = {
        field.name: write for field in message.fields if (write := writer(field)) is not None
    }
    if not writers:
        return None

    def prepare(content: dict[str, Any]) -> dict[str, Any]:
        return {
            name: writers[name](value) if name in writers else value
            for name, value in content.items()
        }

    return prepare


def _value(value: str | float | None) -> dict[str, Any]:
    if value is None:
        return {"null_value": 0}
    if isinstance(value, bool):
        return {"bool_value": value}
    return {"string_value" if isinstance(value, str) else "number_value": value}


def misfits(
    field: FieldDescriptor, schema: Schema, definitions: Schema, *, is_request: bool
) -> Iterator[str]:
    """Tells where a field's type differs from what a JSON schema says of its value.

    Args:
        field: The field.
        schema: Schema of its value.
        definitions: What the schema's references refer to.
        is_request: Whether a missing value must be told from a zero.

    Yields:
        One phrase for each difference.
    """
    if field.is_repeated and not is_map(field):
        lists = [one for one in _alternatives(schema, definitions) if one.get("type") == "array"]
        if not lists:
            yield f"{field.full_name} is repeated, but not a list in the schema"
        for one in lists:
            yield from _value_misfits(field, one.get("items", {}), definitions, is_request)
        return
    yield from _value_misfits(field, schema, definitions, is_request)
    if is_request and not field.has_presence and not field.is_repeated:
        yield f"{field.full_name} must be optional, or a missing value would be taken for zero"


def _value_misfits(
    field: FieldDescriptor, schema: Schema, definitions: Schema, is_request: bool
) -> Iterator[str]:
    message = field.message_type
    if message and message.full_name == _VALUE:
        return
    kind = "object" if message else _SCALARS.get(field.cpp_type, "unsupported")
    alternatives = list(_alternatives(schema, definitions))
    fitting = [one for one in alternatives if one.get("type") == kind]
    if not fitting:
        types = " or ".join(str(one.get("type", "anything")) for one in alternatives)
        yield f"{field.full_name} cannot hold the schema's {types}"
    elif message and not is_map(field):
        yield from _object_misfits(message, fitting[0], definitions, is_request)


def _object_misfits(
    message: Descriptor, schema: Schema, definitions: Schema, is_request: bool
) -> Iterator[str]:
    properties, fields = schema.get("properties", {}), message.fields_by_name
    for name in sorted(properties.keys() ^ fields.keys()):
        place = "schema" if name in properties else "message"
        yield f"{message.full_name}: only the {place} has {name}"
    for name in sorted(properties.keys() & fields.keys()):
        yield from misfits(fields[name], properties[name], definitions, is_request=is_request)


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map, which protobuf keeps as a list of messages."""
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _alternatives(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """Yields the schemas, references followed, of which a value satisfies one."""
    if "$ref" in schema:
        yield from _alternatives(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one, definitions)
    else:
        yield schema
