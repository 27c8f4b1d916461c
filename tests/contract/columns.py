"""The Open Inference surfaces: the records of the cases as columns, the answers as records again.

What no tensor can say (a null among raw numbers, say) cannot be sent: the test is skipped.
"""

import json
import math
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import Any

import grpc
import numpy as np
import pytest
import requests

from framework import Model
from framework.fields import FieldSpec
from serving.errors import ErrorDetail
from serving.open_inference import inference_pb2 as pb
from serving.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from serving.open_inference.tensors import BYTES, DTYPES, encode
from tests.contract.surfaces import RefusedError, asked, refused_call

TIMEOUT = 30
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


class ColumnSurface(ABC):
    """Asks in columns, whatever the transport."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        verb, model = asked(api)
        if verb != "predict":
            pytest.skip("Open Inference knows one method a model")
        columns = _columns(model, records)
        try:
            outputs = self.infer(model.name, columns)
        except RefusedError as refused:
            raise _as_for_rows(refused, model, records) from None
        return _records(outputs)

    @abstractmethod
    def infer(self, model: str, columns: list[Column]) -> Outputs:
        """Asks a model.

        Raises:
            RefusedError: The request was refused.
        """


@dataclass
class JsonColumns(ColumnSurface):
    """`/v2` over HTTP, all in JSON."""

    url: str

    def infer(self, model: str, columns: list[Column]) -> Outputs:
        """See `ColumnSurface`."""
        inputs = [
            {
                "name": one.name,
                "datatype": one.datatype,
                "shape": one.shape,
                "data": one.nested,
            }
            for one in columns
        ]
        # Triton's client sends no content type, and writes NaN as Python does.
        response = requests.post(
            f"{self.url}/v2/models/{model}/infer",
            json.dumps({"inputs": inputs, "id": "7", "model_name": model}).encode(),
            timeout=TIMEOUT,
        )
        answer = response.json()
        if response.status_code != 200:
            raise _http_refusal(response)
        assert answer["id"] == "7"
        assert response.headers["X-Model-Tag"] == f"{model}:{answer['model_version']}"
        return {
            one["name"]: (one["data"], one["shape"], one.get("parameters", {}))
            for one in answer["outputs"]
        }


@dataclass
class BinaryColumns(ColumnSurface):
    """`/v2` over HTTP, tensors in binary both ways."""

    url: str

    def infer(self, model: str, columns: list[Column]) -> Outputs:
        """See `ColumnSurface`."""
        buffers = [_raw(one) for one in columns]
        inputs = [
            {
                "name": one.name,
                "datatype": one.datatype,
                "shape": [len(one.values), one.length or 1],
                "parameters": {"binary_data_size": len(buffer)},
            }
            for one, buffer in zip(columns, buffers, strict=True)
        ]
        head = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        encoded = json.dumps(head).encode()
        response = requests.post(
            f"{self.url}/v2/models/{model}/infer",
            b"".join([encoded, *buffers]),
            headers={
                "Content-Type": "application/octet-stream",
                "Inference-Header-Content-Length": str(len(encoded)),
            },
            timeout=TIMEOUT,
        )
        if response.status_code != 200:
            raise _http_refusal(response)
        length = int(response.headers["Inference-Header-Content-Length"])
        answer, raw = json.loads(response.content[:length]), response.content[length:]
        outputs = {}
        for one in answer["outputs"]:
            size = one["parameters"]["binary_data_size"]
            values = _unraw(raw[:size], one["datatype"])
            outputs[one["name"]] = (values, one["shape"], one["parameters"])
            raw = raw[size:]
        assert not raw
        return outputs


@dataclass
class GrpcColumns(ColumnSurface):
    """`inference.GRPCInferenceService`.

    Attributes:
        address: Of the gRPC port.
        raw: Whether tensors are raw, or in the fields of their types.
    """

    address: str
    raw: bool

    def infer(self, model: str, columns: list[Column]) -> Outputs:
        """See `ColumnSurface`."""
        request = pb.ModelInferRequest(model_name=model, id="7")
        for one in columns:
            tensor = request.inputs.add(name=one.name, datatype=one.datatype, shape=one.shape)
            if self.raw:
                request.raw_input_contents.append(_raw(one))
            else:
                _fill(tensor.contents, one)
        with grpc.insecure_channel(self.address) as channel:
            try:
                answer = GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                raise refused_call(error) from None
        assert (answer.model_name, answer.id) == (model, "7")
        assert bool(answer.raw_output_contents) == self.raw
        outputs = {}
        for position, one in enumerate(answer.outputs):
            if self.raw:
                values = _unraw(answer.raw_output_contents[position], one.datatype)
            else:
                ((_, contents),) = one.contents.ListFields()
                values = [
                    value.decode() if isinstance(value, bytes) else value for value in contents
                ]
            parameters = {name: value.string_param for name, value in one.parameters.items()}
            outputs[one.name] = (values, list(one.shape), parameters)
        return outputs


def _columns(model: Model[Any, Any], records: list[Any]) -> list[Column]:
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


def _raw(column: Column) -> bytes:
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


def _fill(contents: pb.InferTensorContents, column: Column) -> None:
    values = column.flat
    _raw(column)
    if column.datatype == BYTES:
        values = [value.encode() for value in values]
    getattr(contents, CONTENTS[column.datatype]).extend(values)


def _unraw(raw: bytes, datatype: str) -> list[Any]:
    if datatype != BYTES:
        listed: list[Any] = np.frombuffer(raw, DTYPES[datatype]).tolist()
        return listed
    texts = []
    while raw:
        end = 4 + struct.unpack("<I", raw[:4])[0]
        texts.append(raw[4:end].decode())
        raw = raw[end:]
    return texts


def _records(outputs: Outputs) -> list[dict[str, Any]]:
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


def _http_refusal(response: requests.Response) -> RefusedError:
    answer = response.json()
    assert answer["request_id"] == response.headers["X-Request-ID"]
    detail = [ErrorDetail.model_validate(item) for item in answer["detail"]]
    return RefusedError(answer["code"], answer["error"], detail)


def _as_for_rows(refused: RefusedError, model: Model[Any, Any], records: list[Any]) -> RefusedError:
    """The same refusal with the places that it would name had the records come as rows."""
    if not refused.detail:
        return refused
    message = str(refused)
    detail = []
    for one in refused.detail:
        column, *place = one.loc[1:]
        loc: list[str | int] = [model.rows]
        if isinstance(column, int):  # a whole record
            loc.append(column)
        elif records:
            row, *rest = place or [_odd_row(model, records, str(column))]
            loc += [row, column, *rest]
        detail.append(ErrorDetail(loc=loc, msg=one.msg, type=one.type))
    own = ".".join(str(part) for part in refused.detail[0].loc)
    assert message.startswith(f"{own}: ")
    there = ".".join(str(part) for part in detail[0].loc)
    return RefusedError(refused.code, message.replace(own, there, 1), detail)


def _odd_row(model: Model[Any, Any], records: list[dict[str, Any]], column: str) -> int:
    """The first record that alone has, or alone lacks, a field that was refused as a whole."""
    is_known = column in model.encoder.names
    return next(row for row, record in enumerate(records) if (column in record) != is_known)
