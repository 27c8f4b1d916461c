"""Protobuf messages as bytes: their fields are counted before anything is made of them.

Two bytes are a field, and of a repeated message an object of some hundred bytes: 15 KB, compressed,
may be millions of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import DecodeError

from serving.errors import Code, ServingError

Inside = Mapping[int, "Inside"]
"""Number of a field that is a message → which fields of that message to look into."""

Parser = Callable[[bytes], Any]
"""Makes a message of its bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def counted(
    parse: Parser, most: int, refusal: Callable[[], ServingError], inside: Inside
) -> Parser:
    """Returns a parser that refuses a message of more than `most` fields before it parses it.

    Args:
        parse: The parser.
        most: Most fields of the message and of those inside that are looked into, repeated ones
            as often as they are there.
        refusal: Makes the error.
        inside: Which messages to look into.
    """

    def checked(body: bytes) -> Any:
        # A field takes two bytes or more.
        if len(body) > 2 * most and _count(body, 0, len(body), most, inside) > most:
            raise refusal()
        return parse(body)

    return checked


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
                    stop = min(at + size, end)
                    found += _count(body, at, stop, most - found, inside[number])
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
