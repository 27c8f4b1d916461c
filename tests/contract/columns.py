"""The Open Inference surfaces: the records of the cases go as columns, over each transport."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import requests

from framework import Model
from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from serving.errors import ErrorDetail
from tests.contract.surfaces import RefusedError, asked, refused_call
from tests.contract.tensors import (
    Column,
    Outputs,
    as_bytes,
    columns_of,
    fill,
    from_bytes,
    records_of,
)

TIMEOUT = 30


class ColumnSurface(ABC):
    """Asks in columns, whatever the transport."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        verb, model = asked(api)
        if verb != "predict":
            pytest.skip("Open Inference knows one method a model")
        columns = columns_of(model, records)
        try:
            outputs = self.infer(model.name, columns)
        except RefusedError as refused:
            raise _as_for_rows(refused, model, records) from None
        return records_of(outputs)

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
        buffers = [as_bytes(one) for one in columns]
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
            values = from_bytes(raw[:size], one["datatype"])
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
                request.raw_input_contents.append(as_bytes(one))
            else:
                fill(tensor.contents, one)
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
                values = from_bytes(answer.raw_output_contents[position], one.datatype)
            else:
                ((_, contents),) = one.contents.ListFields()
                values = [
                    value.decode() if isinstance(value, bytes) else value for value in contents
                ]
            parameters = {name: value.string_param for name, value in one.parameters.items()}
            outputs[one.name] = (values, list(one.shape), parameters)
        return outputs


def _http_refusal(response: requests.Response) -> RefusedError:
    answer = response.json()
    assert answer["request_id"] == response.headers["X-Request-ID"]
    detail = [ErrorDetail.model_validate(item) for item in answer["detail"]]
    return RefusedError(answer["code"], answer["error"], detail)


def _as_for_rows(refused: RefusedError, model: Model[Any, Any], records: list[Any]) -> RefusedError:
    """The same refusal with the places that it would name had the records come as rows."""
    if not any(one.loc for one in refused.detail):
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
