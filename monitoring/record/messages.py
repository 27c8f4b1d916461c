"""Protobuf messages as plain Python, by descriptor."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.json_format import Parse
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_VALUE = "google.protobuf.Value"


class Method:
    """A method of a typed service: its requests hold rows, its responses answers.

    Args:
        descriptor: The method.
    """

    def __init__(self, descriptor: MethodDescriptor) -> None:
        self._request = GetMessageClass(descriptor.input_type)
        self._response = GetMessageClass(descriptor.output_type)

    def rows(self, body: bytes, *, is_json: bool) -> list[dict[str, Any]]:
        """Returns the rows of a request."""
        return _listed(_message(self._request, body, is_json=is_json))

    def answers(self, body: bytes, *, is_json: bool) -> list[dict[str, Any]]:
        """Returns the answers of a response."""
        return _listed(_message(self._response, body, is_json=is_json))


def methods_of(proto: FileDescriptor) -> Iterator[tuple[str, Method]]:
    """Yields the methods of a `.proto` file, each with its path: `/wine.v1.WineService/Predict`."""
    for service in proto.services_by_name.values():
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}", Method(method)


def _message(kind: type[Message], body: bytes, *, is_json: bool) -> Message:
    return Parse(body, kind()) if is_json else kind.FromString(body)


def _listed(message: Message) -> list[dict[str, Any]]:
    (field,) = message.DESCRIPTOR.fields
    return [plain(one) for one in getattr(message, field.name)]


def plain(message: Message) -> dict[str, Any]:
    """Returns the fields that a message has, by name: others are missing there, too."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if _is_there(message, field)
    }


def _is_there(message: Message, field: Any) -> bool:
    if field.is_repeated:
        return len(getattr(message, field.name)) > 0
    return not field.has_presence or message.HasField(field.name)


def _value(field: Any, value: Any) -> Any:
    if not field.message_type:
        return list(value) if field.is_repeated else value
    if field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_inside(one) for one in value]
    return _inside(value)


def _inside(message: Message) -> Any:
    if message.DESCRIPTOR.full_name != _VALUE:
        return plain(message)
    kind = message.WhichOneof("kind")
    return None if kind in (None, "null_value") else getattr(message, str(kind))
