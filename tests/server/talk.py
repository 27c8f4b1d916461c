"""Talking with a model over HTTP in the words of the Open Inference Protocol."""

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import requests
from numpy.typing import NDArray

from framework import Model
from framework.open_inference import inference_pb2 as pb
from framework.open_inference.tensors import BYTES, DTYPES, encode
from tests.contract.cases import random_records
from tests.contract.surfaces import HttpSurface
from tests.contract.tensors import CONTENTS
from tests.processes import Server
from tests.server.clients.said import Said, columns, same

Tensor = dict[str, Any]


def ask(server: Server, body: Any, model: str, **headers: str) -> requests.Response:
    """Posts a body to a model, as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(
        f"{server.url}/v2/models/{model}/infer", content, headers=headers, timeout=30
    )


def get(server: Server, path: str) -> Any:
    """Returns the JSON at a path."""
    response = requests.get(server.url + path, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


@dataclass(frozen=True)
class Talk:
    """A model, records of it, and what it answers to them.

    Attributes:
        model: The model.
        record: A valid record.
        metadata: What it tells of itself.
        answer: Its answer to the record, which came as a row.
    """

    model: Model[Any, Any]
    record: dict[str, Any]
    metadata: dict[str, Any]
    answer: dict[str, Any]

    @classmethod
    def of(cls, server: Server, model: Model[Any, Any]) -> Self:
        """Gets to know a model."""
        (record,) = random_records(model, 1)
        (answer,) = HttpSurface(server.url).call(f"predict_{model.name}", [record])
        return cls(model, record, get(server, f"/v2/models/{model.name}"), answer)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def outputs(self) -> dict[str, Any]:
        """What the model tells of its outputs, by name."""
        return {one["name"]: one for one in self.metadata["outputs"]}

    def inputs(self, rows: int = 1, *, nested: bool = False) -> list[Tensor]:
        """The record, so many times, as tensors in JSON."""
        wanted = {one["name"]: (one["datatype"], one["shape"]) for one in self.metadata["inputs"]}
        found = []
        for name, column in columns(wanted, [self.record] * rows).items():
            values = column.reshape(rows, -1) if nested else column
            data = [_text(value) for value in values.ravel().tolist()]
            tensor = {"name": name, "datatype": wanted[name][0], "shape": list(values.shape)}
            found.append({**tensor, "data": data})
        return found

    def message(self, *, id: str = "", rows: int = 1) -> pb.ModelInferRequest:  # noqa: A002
        """The record, so many times, as a gRPC message with typed contents."""
        request = pb.ModelInferRequest(model_name=self.name, id=id)
        for one in self.inputs(rows):
            data = [text.encode() if one["datatype"] == BYTES else text for text in one["data"]]
            tensor = request.inputs.add(
                name=one["name"], datatype=one["datatype"], shape=one["shape"]
            )
            getattr(tensor.contents, CONTENTS[one["datatype"]]).extend(data)
        return request

    def is_right(self, outputs: list[Tensor]) -> bool:
        """Whether all outputs, in JSON, say what the answer says."""
        said = Said(self.name, [self.record], [self.answer], [])
        assert [one["name"] for one in outputs] == list(self.outputs)
        return all(
            same(
                listed(one).reshape(one["shape"]),
                said.expected(one["name"], one.get("parameters", {}).get("labels", "")),
            )
            for one in outputs
        )


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def listed(tensor: Tensor) -> NDArray[Any]:
    """The values of a tensor in JSON, flat."""
    if tensor["datatype"] == BYTES:
        return np.array([text.encode() for text in tensor["data"]], dtype=object)
    return np.array(tensor["data"], dtype=DTYPES[tensor["datatype"]])


def raw(tensor: Tensor) -> bytes:
    """A tensor's values as bytes."""
    return encode(np.array(tensor["data"], dtype=object), tensor["datatype"])


def as_binary(tensor: Tensor) -> Tensor:
    """A tensor whose values follow as bytes."""
    head = {name: value for name, value in tensor.items() if name != "data"}
    return {**head, "parameters": {"binary_data_size": len(raw(tensor))}}


def framed(inputs: list[Tensor], content: bytes) -> tuple[bytes, dict[str, str]]:
    """A body of JSON and raw tensors, and its header."""
    encoded = json.dumps({"inputs": inputs}).encode()
    return encoded + content, {"Inference-Header-Content-Length": str(len(encoded))}
