"""The Open Inference surfaces: the records of the cases as columns, the answers as records again.

What no tensor can say (a null among raw numbers, say) cannot be sent: the test is skipped.
"""

import json
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest
import requests

from serving.errors import ErrorDetail
from serving.open_inference import inference_pb2 as pb
from serving.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from serving.open_inference.tensors import BYTES, DTYPES, encode
from tests.contract.cases import EMPLOYEE
from tests.contract.surfaces import RefusedError, refused_call

TIMEOUT = 30
_MODELS = {"predict_attrition": ("attrition", "employees"), "predict_topics": ("topics", "texts")}
_SPELT = {
    "average_montly_hours": "average_monthly_hours",
    "Work_accident": "work_accident",
    "sales": "department",
}
_TYPES = {name: type(value) for name, value in EMPLOYEE.items()} | {"text": str}
_DATATYPES = {str: BYTES, int: "INT64", float: "FP64"}

Outputs = dict[str, tuple[list[Any], list[int], dict[str, Any]]]
"""Name → values, shape, parameters."""


@dataclass
class Column:
    """One field of all records."""

    name: str
    datatype: str
    values: list[Any]


class ColumnSurface(ABC):
    """Asks in columns, whatever the transport."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        if api not in _MODELS:
            pytest.skip("Open Inference knows one method a model")
        model, field = _MODELS[api]
        columns = _columns(records, {"attrition": EMPLOYEE, "topics": {"text": ""}}[model])
        try:
            outputs = self.infer(model, columns)
        except RefusedError as refused:
            raise _as_for_rows(refused, field, records) from None
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
                "shape": [len(one.values)],
                "data": one.values,
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
                "shape": [len(one.values), 1],
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
            tensor = request.inputs.add(
                name=one.name, datatype=one.datatype, shape=[len(one.values)]
            )
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


def _columns(records: list[Any], template: dict[str, Any]) -> list[Column]:
    """Takes records apart; every field that any of them has, or a valid one, becomes a column."""
    if not all(isinstance(record, dict) for record in records):
        pytest.skip("a row that is no object has no columns")
    names = dict.fromkeys(name for record in records or [template] for name in record)
    columns = []
    for name in names:
        kind = _TYPES.get(_SPELT.get(name, name), int)
        values = [record.get(name, kind()) for record in records]
        columns.append(Column(name, _DATATYPES[kind], values))
    return columns


def _raw(column: Column) -> bytes:
    """One column as bytes."""
    kinds = {BYTES: str, "INT64": int, "FP64": (int, float)}[column.datatype]
    if not all(isinstance(value, kinds) and value is not True for value in column.values):  # type: ignore[arg-type]
        pytest.skip(f"no {column.datatype} tensor can hold {column.values}")
    if column.datatype == BYTES:
        return encode(np.array(column.values, dtype=object), BYTES)
    try:
        return encode(np.array(column.values, dtype=DTYPES[column.datatype]), column.datatype)
    except OverflowError as error:
        pytest.skip(str(error))


def _fill(contents: pb.InferTensorContents, column: Column) -> None:
    field = {BYTES: "bytes_contents", "INT64": "int64_contents", "FP64": "fp64_contents"}
    values = column.values
    _raw(column)
    if column.datatype == BYTES:
        values = [value.encode() for value in values]
    getattr(contents, field[column.datatype]).extend(values)


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
            fields[name] = values
            continue
        labels = parameters["labels"].split(",")
        rows = np.reshape(np.array(values), shape).tolist()
        fields[name] = [dict(zip(labels, row, strict=True)) for row in rows]
    return [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]


def _http_refusal(response: requests.Response) -> RefusedError:
    answer = response.json()
    assert answer["request_id"] == response.headers["X-Request-ID"]
    detail = [ErrorDetail.model_validate(item) for item in answer["detail"]]
    return RefusedError(answer["code"], answer["error"], detail)


def _as_for_rows(refused: RefusedError, field: str, records: list[Any]) -> RefusedError:
    """The same refusal with the places that it would name had the records come as rows."""
    if not refused.detail:
        return refused
    message = str(refused)
    detail = []
    for one in refused.detail:
        column = str(one.loc[1])
        loc: list[str | int] = [field]
        if records:
            loc += [one.loc[2] if len(one.loc) > 2 else _odd_row(records, column), column]
        detail.append(ErrorDetail(loc=loc, msg=one.msg, type=one.type))
    own = ".".join(str(part) for part in refused.detail[0].loc)
    assert message.startswith(f"{own}: ")
    there = ".".join(str(part) for part in detail[0].loc)
    return RefusedError(refused.code, message.replace(own, there, 1), detail)


def _odd_row(records: list[dict[str, Any]], column: str) -> int:
    """The first record that alone has, or alone lacks, a field that was refused as a whole."""
    known = column in _TYPES
    return next(row for row, record in enumerate(records) if (column in record) != known)
