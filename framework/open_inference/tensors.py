"""Tensors of the Open Inference Protocol: named, typed, shaped values, as lists or as raw bytes.

Datatypes and layouts are those of the protocol's specification (KServe, "V2 Inference Protocol")
and of its binary tensor data extension: little-endian, row-major, each element of `BYTES` preceded
by its length as an unsigned 32-bit integer.
"""

import struct
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = "BYTES"
DTYPES = {
    "BOOL": "?",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Datatype → NumPy's name of its layout; `BYTES` alone has no fixed width."""

_LENGTH = struct.Struct("<I")
# Texts of a vocabulary are compared by words of eight bytes.
_WORD, _MOST_WORDS = 8, 8
_UNKNOWN = 255
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_WORD + 1)], np.uint64)
"""Number of bytes → those bytes of a word."""


class TensorError(ValueError):
    """The data of a tensor are not what its datatype and shape say."""


@dataclass(frozen=True)
class Tensor:
    """One input as a request brought it."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: bytes | list[Any] | NDArray[Any]
    """Raw bytes, a list of values, flat or nested like the shape, or an array of the datatype."""

    base64: bool = False
    """Whether every text is Base64 of the text that is meant."""


def values(tensor: Tensor, count: int) -> list[Any]:
    """Returns the values of a tensor whose data are a list or an array, or of a raw one of `BYTES`.

    Raises:
        TensorError: There are not `count` values, or one is no UTF-8 text, or not in Base64.
    """
    if isinstance(tensor.data, bytes):
        found: list[Any] = _decode_texts(tensor.data)
    elif isinstance(tensor.data, np.ndarray):
        found = tensor.data.tolist()
    else:
        found = tensor.data
        for _ in tensor.shape[1:]:
            if found and all(isinstance(part, list) for part in found):
                found = list(chain.from_iterable(found))
    if len(found) != count:
        raise _miscounted(len(found), count)
    return [_from_base64(value) for value in found] if tensor.base64 else found


def _from_base64(value: Any) -> Any:
    """Returns the text behind one in Base64; what is no text is left to the field's rules.

    Raises:
        TensorError: It is not Base64, or not of UTF-8 text.
    """
    try:
        return b64decode(value, validate=True).decode() if isinstance(value, str) else value
    except ValueError:
        raise TensorError("An element is not UTF-8 text in Base64") from None


def array(data: bytes | NDArray[Any], datatype: str, count: int) -> NDArray[Any]:
    """Returns the data of a tensor whose datatype has a fixed width as an array, without a copy.

    Raises:
        TensorError: There are not `count` values, or a truth value is neither 0 nor 1.
    """
    if isinstance(data, np.ndarray):
        if len(data) != count:
            raise _miscounted(len(data), count)
        return data
    dtype = np.dtype(DTYPES[datatype])
    if len(data) != count * dtype.itemsize:
        raise TensorError(
            f"The data have {len(data)} bytes, but the shape asks for {count * dtype.itemsize}"
        )
    if datatype == "BOOL" and data.translate(None, b"\x00\x01"):
        raise TensorError("A truth value is a byte of 0 or 1")
    return np.frombuffer(data, dtype)


def typed(values: Sequence[Any], datatype: str) -> NDArray[Any]:
    """Returns values as an array of a datatype of fixed width.

    Raises:
        TensorError: One does not fit into it.
    """
    try:
        with np.errstate(over="raise"):
            return np.array(values, dtype=DTYPES[datatype])
    except (OverflowError, FloatingPointError):
        raise TensorError(f"A value does not fit into {datatype}") from None


def _miscounted(found: int, count: int) -> TensorError:
    return TensorError(f"The data hold {found} values, but the shape asks for {count}")


def encode(column: NDArray[Any], datatype: str) -> bytes:
    """Returns an array as raw data."""
    if datatype == BYTES:
        return b"".join(encode_text(text) for text in column.ravel().tolist())
    return column.astype(DTYPES[datatype], copy=False).tobytes()


def encode_text(text: str) -> bytes:
    """Returns one element of a raw `BYTES` tensor."""
    content = text.encode()
    return _LENGTH.pack(len(content)) + content


class Vocabulary:
    """Finds the positions of known texts in a raw `BYTES` tensor, without a loop over its elements.

    No known text has a zero byte, and the lengths of all are one byte and three zeros: so the zeros
    tell where elements begin, and each text is compared as a few numbers of eight bytes. Other
    data, and vocabularies of long or very many texts, are left to the caller.

    Args:
        texts: The vocabulary.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [text.encode() for text in texts]
        longest = max(map(len, encoded), default=0)
        self._fits = (
            len(encoded) < _UNKNOWN
            and longest <= _MOST_WORDS * _WORD
            and not any(b"\0" in text for text in encoded)
        )
        self._words = max(1, -(-longest // _WORD))
        padded = b"".join(text.ljust(self._words * _WORD, b"\0") for text in encoded)
        self._known = np.frombuffer(padded, "<u8").reshape(-1, self._words) if self._fits else None

    def positions(self, raw: bytes, count: int) -> NDArray[np.uint8] | None:
        """Returns the position of each element in the vocabulary, or None: look at each."""
        if self._known is None:
            return None
        data = np.frombuffer(raw, np.uint8)
        starts = _element_starts(data, count)
        if starts is None:
            return None
        lengths = data[starts]
        words = _words_at(raw, starts + _LENGTH.size, lengths, self._words)
        found = np.full(count, _UNKNOWN, np.uint8)
        for position, known in enumerate(self._known):
            found[np.logical_and.reduce([a == b for a, b in zip(words, known, strict=True)])] = (
                position
            )
        return None if (found == _UNKNOWN).any() else found


def _element_starts(data: NDArray[np.uint8], count: int) -> NDArray[np.intp] | None:
    """Returns where the elements of raw texts begin, if none is long or has a zero byte in it.

    The length of a text is a byte and three zeros, that of an empty one four zeros. So a run of
    zeros is some empty texts, behind the end of a text; or, if three more, also the length before.
    """
    is_zero = np.zeros(len(data) + 2, np.int8)
    is_zero[1:-1] = data == 0
    edges = np.diff(is_zero)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    empty, rest = np.divmod(ends - begins, _LENGTH.size)
    has_length = rest == _LENGTH.size - 1
    elements = empty + has_length
    if not (has_length | (rest == 0)).all() or elements.sum() != count:
        return None
    starts = begins - has_length
    if len(starts) != count:
        first = np.cumsum(elements) - elements
        within = np.arange(count) - np.repeat(first, elements)
        starts = np.repeat(starts, elements) + within * _LENGTH.size
    stops = starts + _LENGTH.size + data[starts]
    is_whole = starts[0] == 0 and stops[-1] == len(data) if count else not len(data)
    return starts if is_whole and (starts[1:] == stops[:-1]).all() else None


def _words_at(
    raw: bytes, starts: NDArray[np.intp], lengths: NDArray[np.uint8], count: int
) -> list[NDArray[np.uint64]]:
    """Returns the first, second, … eight bytes of texts as numbers; what is beyond a text is 0."""
    padded = raw + bytes(count * _WORD)
    everywhere: NDArray[np.uint64] = np.ndarray(
        len(padded) - _WORD + 1, "<u8", buffer=padded, strides=(1,)
    )
    return [
        everywhere[starts + at] & _MASKS[np.clip(lengths.astype(np.intp) - at, 0, _WORD)]
        for at in range(0, count * _WORD, _WORD)
    ]


def _decode_texts(raw: bytes) -> list[str]:
    texts = []
    position, end = 0, len(raw)
    while position < end:
        start = position + _LENGTH.size
        if start > end:
            raise TensorError("The data end within the length of an element")
        position = start + _LENGTH.unpack_from(raw, position)[0]
        if position > end:
            raise TensorError("The data end within an element")
        try:
            texts.append(raw[start:position].decode())
        except UnicodeDecodeError:
            raise TensorError(f"Element {len(texts)} is not UTF-8 text") from None
    return texts
