"""Requests and answers of the Open Inference Protocol as columns: field → its values.

They were valid when they were recorded; what is read here need not be checked again.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.tensors import BYTES, Tensor, array, values

_LABELS = "labels"
_CONTENTS = {"BOOL": "bool", "INT64": "int64", "UINT64": "uint64", "FP32": "fp32", "FP64": "fp64"}


class Named:
    """One tensor: its values, and the names of its columns if it is a mapping.

    Args:
        tensor: The tensor.
        labels: The names, separated by commas.
    """

    def __init__(self, tensor: Tensor, labels: str = "") -> None:
        self.name = tensor.name
        rows, *inner = tensor.shape
        width = math.prod(inner)
        found = _flat(tensor, rows * width)
        if labels or width > 1:
            listed = [found[at : at + width] for at in range(0, len(found), width)]
            names = labels.split(",")
            found = [dict(zip(names, row, strict=True)) for row in listed] if labels else listed
        self.values = found


def records(tensors: Iterable[Named]) -> list[dict[str, Any]]:
    """Puts columns together, a dictionary for each row."""
    columns = {one.name: one.values for one in tensors}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def from_json(body: bytes, key: str) -> list[Named]:
    """Returns the tensors of JSON, or of JSON and raw tensors behind it.

    Args:
        body: A request or an answer.
        key: Where they are in it: `inputs` or `outputs`.
    """
    # As a text of as many characters as there are bytes, of which JSON is the beginning.
    _, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    tensors = json.loads(body[:end])[key]
    given = [one.get("parameters") or {} for one in tensors]
    sizes = [parameters.get("binary_data_size", 0) for parameters in given]
    # Spaces may stand between the two.
    start = len(body) - sum(sizes)
    found = []
    for one, parameters, size in zip(tensors, given, sizes, strict=True):
        data = one["data"] if one.get("data") is not None else body[start : start + size]
        start += size
        found.append(_named(one["name"], one["datatype"], one["shape"], data, parameters))
    return found


def from_request(body: bytes) -> list[Named]:
    """Returns the tensors of a `ModelInferRequest`."""
    message = pb.ModelInferRequest.FromString(body)
    return _from_message(message.inputs, message.raw_input_contents)


def from_response(body: bytes, *, is_streamed: bool) -> list[Named]:
    """Returns the tensors of a `ModelInferResponse`, or of a `ModelStreamInferResponse`."""
    if is_streamed:
        message = pb.ModelStreamInferResponse.FromString(body).infer_response
    else:
        message = pb.ModelInferResponse.FromString(body)
    return _from_message(message.outputs, message.raw_output_contents)


def _from_message(tensors: Iterable[Any], raw: Sequence[bytes]) -> list[Named]:
    found = []
    for at, one in enumerate(tensors):
        parameters = {
            name: getattr(value, choice)
            for name, value in one.parameters.items()
            if (choice := value.WhichOneof("parameter_choice"))
        }
        data = raw[at] if raw else _contents(one)
        found.append(_named(one.name, one.datatype, one.shape, data, parameters))
    return found


def _contents(tensor: Any) -> list[Any]:
    if tensor.datatype == BYTES:
        return [text.decode() for text in tensor.contents.bytes_contents]
    kind = _CONTENTS.get(tensor.datatype, "uint" if tensor.datatype.startswith("U") else "int")
    return list(getattr(tensor.contents, f"{kind}_contents"))


def _named(
    name: str, datatype: str, shape: Sequence[int], data: Any, parameters: dict[str, Any]
) -> Named:
    is_base64 = parameters.get("content_type") == "base64"
    tensor = Tensor(name, datatype, list(shape), data, is_base64)
    return Named(tensor, str(parameters.get(_LABELS, "")))


def _flat(tensor: Tensor, count: int) -> list[Any]:
    if isinstance(tensor.data, bytes) and tensor.datatype != BYTES:
        flat: list[Any] = array(tensor.data, tensor.datatype, count).tolist()
        return flat
    found = tensor.data
    if isinstance(found, list) and found and isinstance(found[0], list):
        found = np.array(found, dtype=object).ravel().tolist()
    return values(Tensor(tensor.name, tensor.datatype, [count], found, tensor.base64), count)
