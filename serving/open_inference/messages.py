"""Tensors in the messages of `inference.GRPCInferenceService`, raw or typed."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.tensors import BYTES, Tensor, TensorError, encode, typed
from serving.errors import ServingError
from serving.open_inference.json_body import is_base64, parameters
from serving.open_inference.model import InferenceModel, Output

# Datatype → the field of `InferTensorContents` that holds its values. FP16 has none: it is raw.
_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


def tensors_of(request: pb.ModelInferRequest) -> list[Tensor]:
    """Returns the inputs of a request; numbers are arrays, or raw bytes.

    Raises:
        ServingError: `invalid_input`.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise _invalid(
            "raw_input_contents", f"There are {len(raw)} of them for {len(request.inputs)} inputs"
        )
    # MLServer's client sends an empty `contents` beside the raw ones.
    if raw and any(one.contents.ListFields() for one in request.inputs):
        raise _invalid("raw_input_contents", "Inputs have either raw or typed contents, not both")
    contents: Sequence[bytes | list[Any] | NDArray[Any]] = raw or [
        _values(one) for one in request.inputs
    ]
    return [
        Tensor(one.name, one.datatype, one.shape, content, is_base64(given(one.parameters)))
        for one, content in zip(request.inputs, contents, strict=True)
    ]


def given(parameters: Mapping[str, pb.InferParameter]) -> dict[str, Any]:
    """Returns parameters as plain Python."""
    return {
        name: getattr(value, choice)
        for name, value in parameters.items()
        if (choice := value.WhichOneof("parameter_choice"))
    }


def _values(
    tensor: pb.ModelInferRequest.InferInputTensor,
) -> list[Any] | NDArray[Any]:
    if tensor.datatype not in _CONTENTS:
        known = ", ".join(_CONTENTS)
        raise _invalid(tensor.name, f"The datatype of typed contents should be one of {known}")
    values: list[Any] = list(getattr(tensor.contents, _CONTENTS[tensor.datatype]))
    try:
        if tensor.datatype != BYTES:
            return typed(values, tensor.datatype)
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise _invalid(tensor.name, "An element is not UTF-8 text") from None
    except TensorError as error:
        raise _invalid(tensor.name, str(error)) from None


def response_of(
    model: InferenceModel, request: pb.ModelInferRequest, outputs: Sequence[Output]
) -> pb.ModelInferResponse:
    """Returns the response of some outputs: raw if the request's inputs are."""
    response = pb.ModelInferResponse(
        model_name=model.name, model_version=model.version, id=request.id
    )
    for output, column in outputs:
        tensor = response.outputs.add(
            name=output.name, datatype=output.datatype, shape=column.shape
        )
        for name, value in parameters(output).items():
            tensor.parameters[name].string_param = value
        if request.raw_input_contents:
            response.raw_output_contents.append(encode(column, output.datatype))
            continue
        values = column.ravel().tolist()
        if output.datatype == BYTES:
            values = [text.encode() for text in values]
        getattr(tensor.contents, _CONTENTS[output.datatype]).extend(values)
    return response


def _invalid(name: str, message: str) -> ServingError:
    return ServingError.from_details([{"loc": ("inputs", name), "msg": message, "type": "tensor"}])
