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

    Every known text is replaced, length and all, by one byte of 128 and more. The raw data had no
    such byte, so where nothing else is left, they were known texts from beginning to end. Other
    data, and vocabularies that are not short ASCII texts, are left to the caller.

    Args:
        texts: The vocabulary.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [encode_text(text) for text in texts]
        self._fits = len(encoded) <= 128 and all(one.isascii() for one in encoded)
        self._codes = [(one, bytes([128 + code])) for code, one in enumerate(encoded[:128])]

    def positions(self, raw: bytes, count: int) -> NDArray[np.uint8] | None:
        """Returns the position of each element in the vocabulary, or None: look at each."""
        if not self._fits or not raw.isascii():
            return None
        for text, code in self._codes:
            raw = raw.replace(text, code)
        coded = np.frombuffer(raw, np.uint8)
        if len(coded) != count or coded.min(initial=255) < 128:
            return None
        return coded - np.uint8(128)


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
