"""Numbers of fields: read from the contract so far, and never given twice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from framework.model import Model
from framework.protos.messages import Field, Message, calls, messages_of

_IMPLEMENTATION = range(19_000, 20_000)
"""Numbers that protobuf keeps to itself."""

_SPELLINGS = {
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_STRING: "string",
}
_VARINTS = {"int32", "int64", "bool"}


def numbered(model: Model[Any, Any], former: FileDescriptorProto | None = None) -> list[Message]:
    """Returns the messages of a model's contract, their fields numbered.

    Args:
        model: The model.
        former: The contract so far, whose numbers stay.
    """
    known = _former(model, former)
    return [_numbered(message, known.get(message.name)) for message in messages_of(model)]


def broken(
    model: Model[Any, Any], messages: Sequence[Message], former: FileDescriptorProto | None
) -> Iterator[str]:
    """Yields what clients of the former contract cannot read any more, one sentence each."""
    known = _former(model, former)
    for message in messages:
        was = known.get(message.name, DescriptorProto())
        types = {field.name: _SPELLINGS.get(field.type, "") for field in was.field}
        for field in message.fields:
            both = {types.get(field.name, ""), field.type}
            if types.get(field.name) and len(both) > 1 and not both <= _VARINTS:
                yield (
                    f"{message.name}.{field.name} was {types[field.name]} and is {field.type}: "
                    "clients made with the former file cannot read it."
                )


def _former(
    model: Model[Any, Any], former: FileDescriptorProto | None
) -> dict[str, DescriptorProto]:
    """Returns the former messages under the names that they have now.

    Records and answers are known by what they are for, so that their types may be renamed.
    """
    if former is None:
        return {}
    messages = {message.name: message for message in former.message_type}
    methods = {method.name: method for service in former.service for method in service.method}
    renamed = {}
    for name, _, answer in calls(model):
        if method := methods.get(name):
            for whole, kind in ((method.input_type, model.record), (method.output_type, answer)):
                part = messages[_last(whole)].field[0].type_name
                renamed[kind.__name__] = messages[_last(part)]
    return {**messages, **renamed}


def _numbered(message: Message, former: DescriptorProto | None) -> Message:
    if message.fields[0].number:
        # A request or a response: one field, whatever it is called.
        return message
    if former is None:
        return replace(message, fields=tuple(_counted(message.fields, {}, set())))
    kept = {field.name for field in message.fields}
    numbers = {field.name: field.number for field in former.field}
    reserved = {at for one in former.reserved_range for at in range(one.start, one.end)}
    reserved |= {number for name, number in numbers.items() if name not in kept}
    return replace(
        message,
        fields=tuple(_counted(message.fields, numbers, reserved)),
        gone=tuple(sorted(reserved)),
        gone_names=tuple(name for name in [*former.reserved_name, *numbers] if name not in kept),
    )


def _counted(
    fields: Iterable[Field], numbers: Mapping[str, int], reserved: set[int]
) -> Iterator[Field]:
    last = max([*numbers.values(), *reserved], default=0)
    for field in fields:
        if field.name in numbers:
            yield replace(field, number=numbers[field.name])
        else:
            last = _IMPLEMENTATION.stop if last + 1 in _IMPLEMENTATION else last + 1
            yield replace(field, number=last)


def _last(name: str) -> str:
    return name.rpartition(".")[2]
