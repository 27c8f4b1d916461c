"""Records as columns, columns as tensors, and the way back.

What no tensor can say (a null among raw numbers, say) cannot be sent: the test is skipped.
"""

import math
import struct
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest

from framework import Model
from framework.fields import FieldSpec
from framework.open_inference import inference_pb2 as pb
from framework.open_inference.tensors import BYTES, DTYPES, encode

_KINDS: dict[str, Any] = {BYTES: str, "INT64": int, "FP64": (int, float), "BOOL": bool}
"""Datatype → what a raw tensor of it can be made of."""

CONTENTS = {
    BYTES: "bytes_contents",
    "INT64": "int64_contents",
    "FP64": "fp64_contents",
    "BOOL": "bool_contents",
}
"""Datatype → the field of a gRPC message that holds its values."""

Outputs = dict[str, tuple[list[Any], list[int], dict[str, Any]]]
"""Name → values, shape, parameters."""


@dataclass
class Column:
    """One field of all records.

    Attributes:
        name: Its name.
        datatype: The tensor's.
        values: As the records have them, missing ones as `None`.
        length: Number of values in each, if they are lists.
        nullable: Whether values may be missing.
    """

    name: str
    datatype: str
    values: list[Any]
    length: int | None = None
    nullable: bool = False

    @property
    def shape(self) -> list[int]:
        """Shape of the tensor."""
        return [len(self.values)] if self.length is None else [len(self.values), self.length]

    @property
    def nested(self) -> list[Any]:
        """The values as JSON has them; skips the test if the lists are no tensor."""
        if self.length is None:
            return self.values
        missing = [math.nan] * self.length
        lists = [missing if one is None and self.nullable else one for one in self.values]
        if not all(isinstance(one, list) and len(one) == self.length for one in lists):
            pytest.skip(f"no tensor of shape [N, {self.length}] can hold {self.values}")
        return lists

    @property
    def flat(self) -> list[Any]:
        """The values one after the other, missing ones as a tensor that has no null says it."""
        if self.length is not None:
            return list(chain.from_iterable(self.nested))
        missing = "" if self.datatype == BYTES else math.nan
        return [missing if one is None and self.nullable else one for one in self.values]


def columns_of(model: Model[Any, Any], records: list[Any]) -> list[Column]:
    """Takes records apart; every field that any of them has becomes a column."""
    if not all(isinstance(record, dict) for record in records):
        pytest.skip("a row that is no object has no columns")
    names = dict.fromkeys(name for record in records or model.sample for name in record)
    if not names:
        pytest.skip("a request without tensors has no rows")
    known = {name: field for field in model.encoder.fields for name in field.names}
    return [_column(name, known.get(name), records) for name in names]


def _column(name: str, field: FieldSpec | None, records: list[Any]) -> Column:
    if field is None:
        return Column(name, "INT64", [record.get(name, 0) for record in records])
    kind: Any = field.kind
    if kind == "category":
        kind = "text" if type(field.categories[0]) is str else "int"
    datatype = {"text": BYTES, "int": "INT64", "float": "FP64", "bool": "BOOL"}[kind]
    if field.nullable and datatype != BYTES:
        datatype = "FP64"
    blank = {"text": "", "int": 0, "float": 0.0, "bool": False}[kind]
    # A record that lacks what another has: a tensor must say something.
    default = blank if field.required else field.default
    values = [record.get(name, default) for record in records]
    if kind == "bool" and field.nullable:
        values = [float(one) if type(one) is bool else one for one in values]
    return Column(name, datatype, values, field.length, field.nullable)


def as_bytes(column: Column) -> bytes:
    """One column as bytes."""
    datatype, values = column.datatype, column.flat
    fits = all(
        isinstance(one, _KINDS[datatype]) and (one is not True or datatype == "BOOL")
        for one in values
    )
    if not fits:
        pytest.skip(f"no {datatype} tensor can hold {values}")
    if datatype == BYTES:
        return encode(np.array(values, dtype=object), BYTES)
    try:
        return encode(np.array(values, dtype=DTYPES[datatype]), datatype)
    except OverflowError as error:
        pytest.skip(str(error))


def fill(contents: pb.InferTensorContents, column: Column) -> None:
    values = column.flat
    as_bytes(column)
    if column.datatype == BYTES:
        values = [value.encode() for value in values]
    getattr(contents, CONTENTS[column.datatype]).extend(values)


def from_bytes(raw: bytes, datatype: str) -> list[Any]:
    if datatype != BYTES:
        listed: list[Any] = np.frombuffer(raw, DTYPES[datatype]).tolist()
        return listed
    texts = []
    while raw:
        end = 4 + struct.unpack("<I", raw[:4])[0]
        texts.append(raw[4:end].decode())
        raw = raw[end:]
    return texts


def records_of(outputs: Outputs) -> list[dict[str, Any]]:
    """Puts the columns of the answers together again."""
    fields = {}
    for name, (values, shape, parameters) in outputs.items():
        if len(shape) == 1:
            # A raw tensor has no other word for a missing value.
            fields[name] = [None if one != one else one for one in values]
            continue
        fields[name] = rows = np.reshape(np.array(values), shape).tolist()
        if labels := parameters.get("labels"):
            fields[name] = [dict(zip(labels.split(","), row, strict=True)) for row in rows]
    return [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]
