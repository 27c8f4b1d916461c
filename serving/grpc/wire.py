"""Protobuf messages as bytes: their fields are counted before anything is made of them.

Two bytes are a field, and of a repeated message an object of some hundred bytes: 15 KB, compressed,
may be millions of them. Of a list of numbers one byte is one, and takes twenty once it is made.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from serving.errors import Code, ServingError

Inside = Mapping[int, "Inside | int"]
"""Number of a field that is a message → which fields of that message to look into; of one that is a
list of numbers → the bytes of each, 1 if they differ."""

Parser = Callable[[bytes], Any]
"""Makes a message of its bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_NO_NUMBERS = {
    FieldDescriptor.TYPE_BYTES,
    FieldDescriptor.TYPE_GROUP,
    FieldDescriptor.TYPE_MESSAGE,
    FieldDescriptor.TYPE_STRING,
}
_FIXED_BYTES = {
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
}


def counted(
    parse: Parser, most: int, refusal: Callable[[], ServingError], inside: Inside
) -> Parser:
    """Returns a parser that refuses a message of more than `most` fields before it parses it.

    Args:
        parse: The parser.
        most: Most fields of the message and of those inside that are looked into, repeated ones
            as often as they are there; so with the numbers of a list, where lists are looked into.
        refusal: Makes the error.
        inside: Which messages to look into.
    """
    # A field takes two bytes or more, a number in a list one.
    few = most if _has_lists(inside) else 2 * most

    def checked(body: bytes) -> Any:
        if len(body) > few and _count(body, 0, len(body), most, inside) > most:
            raise refusal()
        return parse(body)

    return checked


def number_lists(message: Descriptor) -> Inside:
    """Returns the fields of a message that are lists of numbers, to be looked into."""
    return {
        field.number: _FIXED_BYTES.get(field.type, 1)
        for field in message.fields
        if field.is_repeated and field.type not in _NO_NUMBERS
    }


def parsed(parse: Parser, body: bytes) -> Any:
    """Returns what a parser makes of a message's bytes.

    Raises:
        ServingError: `invalid_input`: they are no such message.
    """
    try:
        return parse(body)
    except DecodeError:
        raise ServingError(
            Code.INVALID_INPUT, "The request is not a message of the method's type."
        ) from None


def too_many_fields(most: int) -> ServingError:
    """Makes the error for a message that has more fields than any request needs."""
    return ServingError(Code.INVALID_INPUT, f"The message has more than {most:,} fields.")


def _count(body: bytes, at: int, end: int, most: int, inside: Inside) -> int:
    """Counts fields, to `most` and one more; what is malformed is protobuf's to refuse."""
    found = 0
    try:
        while at < end and found <= most:
            found += 1
            tag, at = _varint(body, at)
            number, kind = tag >> 3, tag & 7
            if kind == _BYTES:
                size, at = _varint(body, at)
                if number in inside and size > 1:
                    stop, within = min(at + size, end), inside[number]
                    if isinstance(within, int):
                        found += _count_numbers(body[at:stop], within)
                    else:
                        found += _count(body, at, stop, most - found, within)
                at += size
            elif kind == _VARINT:
                _, at = _varint(body, at)
            elif kind in _SIZES:
                at += _SIZES[kind]
            else:
                break
    except IndexError:
        pass
    return found


def _count_numbers(packed: bytes, size: int) -> int:
    if size > 1:
        return len(packed) // size
    # The last byte of a number is less than 128.
    return int(np.count_nonzero(np.frombuffer(packed, np.int8) >= 0))


def _has_lists(inside: Inside) -> bool:
    return any(isinstance(one, int) or _has_lists(one) for one in inside.values())


def _varint(body: bytes, at: int) -> tuple[int, int]:
    byte = body[at]
    if byte < 128:
        return byte, at + 1
    value, shift = byte & 127, 7
    while byte >= 128 and shift < 70:
        at += 1
        byte = body[at]
        value |= (byte & 127) << shift
        shift += 7
    return value, at + 1
