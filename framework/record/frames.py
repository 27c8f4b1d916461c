"""The frames of a spool file: what a server wrote down, some requests at a time.

A file is a sequence of frames: the length of the payload and its CRC-32, both unsigned 32-bit
little-endian integers, and the payload, a MessagePack list (`array 32`) of entries. A frame is
written by one call; what ends in the middle of one, because its writer was killed, is a torn tail.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

PREDICTION, LABEL, SHADOW = 0, 1, 2
REDACTED = ";redacted"
"""Ending of the content type of a body that is not what came, but a MessagePack list of the rows as
dictionaries, without the fields that are not to be recorded."""

_HEADER = struct.Struct("<II")
_LIST_32, _LIST_SIZE = 0xDD, 5
encode_into = msgspec.msgpack.Encoder().encode_into
"""Encodes an entry at the end of a buffer: `encode_into(entry, buffer, -1)`."""


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One request and what was answered.

    Attributes:
        kind: `PREDICTION`; `LABEL`: what came true, as a client told it; or `SHADOW`: what another
            version said (`framework.record.shadow`).
        ns: When it was answered, in nanoseconds since 1970.
        prediction_id: Made by the server; see `framework.record.ids`.
        request_id: The client's own, or made.
        route: Path of the API or method.
        protocol: The one that brought it, by its name in the metrics.
        model_tag: The exact model.
        status: HTTP status of the outcome, whatever the protocol.
        content_type: Of the body, and of the answer unless that says otherwise.
        body: The request, not compressed; empty if it was refused.
        answer: The answer; of one that was refused, a `Refusal` as JSON.
    """

    kind: int
    ns: int
    prediction_id: str
    request_id: str
    route: str
    protocol: str
    model_tag: str
    status: int
    content_type: str
    body: bytes
    answer: bytes


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused: never what it held.

    Attributes:
        code: The error's code.
        loc: Where the first problem is.
        type: Which kind it is of.
    """

    code: str
    loc: list[str | int] = []
    type: str = ""


EntryTuple = tuple[int, int, str, str, str, str, str, int, str, bytes, bytes]
"""An `Entry` as the server keeps it until it is written: a tuple is made in half the time."""

_decoder = msgspec.msgpack.Decoder(list[Entry])


class Frame(NamedTuple):
    """A frame, to be written as head and entries by one call.

    Attributes:
        head: Its header, and how the payload begins.
        entries: The rest of the payload.
        number: How many entries it holds.
    """

    head: bytes
    entries: bytes | bytearray | memoryview
    number: int


def frame(entries: Sequence[EntryTuple]) -> Frame:
    """Makes a frame of entries."""
    encoded = bytearray()
    for entry in entries:
        encode_into(entry, encoded, -1)
    return framed(encoded, len(entries))


def framed(encoded: bytes | bytearray | memoryview, count: int) -> Frame:
    """Makes a frame of so many entries that were encoded one behind the other."""
    begin = bytes([_LIST_32]) + count.to_bytes(4)
    checksum = zlib.crc32(encoded, zlib.crc32(begin))
    return Frame(_HEADER.pack(len(begin) + len(encoded), checksum) + begin, encoded, count)


class Frames:
    """The frames of a file, in order; each is a list of entries.

    Args:
        path: The file.

    Attributes:
        torn_bytes: After the frames have been read: size of the tail that is no whole frame.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.torn_bytes = 0

    def __iter__(self) -> Iterator[list[Entry]]:
        with self._path.open("rb") as file:
            start = 0
            while (payload := _payload(file)) is not None:
                try:
                    entries = _decoder.decode(payload)
                except msgspec.MsgspecError:
                    break
                start = file.tell()
                yield entries
            self.torn_bytes = file.seek(0, 2) - start


def _payload(file: BinaryIO) -> bytes | None:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, checksum = _HEADER.unpack(header)
    payload = file.read(length)
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def count_entries(path: Path) -> int:
    """Counts the entries of a file by the beginnings of its frames."""
    count = 0
    with path.open("rb") as file:
        while len(head := file.read(_HEADER.size + _LIST_SIZE)) == _HEADER.size + _LIST_SIZE:
            length, _ = _HEADER.unpack(head[: _HEADER.size])
            count += int.from_bytes(head[_HEADER.size + 1 :])
            file.seek(length - _LIST_SIZE, 1)
    return count
