"""The JSON bodies of the Open Inference Protocol over HTTP, and its binary tensors beside them."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FailFast, Field, NonNegativeInt
from pydantic_core import to_json

from framework.open_inference.tensors import BYTES, DTYPES, Tensor, encode
from serving.codecs.json_parts import DuplicateError, count_colons, count_keys, require_unique
from serving.codecs.problems import twice
from serving.errors import Code, ServingError, problems_of
from serving.open_inference.large_body import LargeBody, is_large
from serving.open_inference.model import InferenceModel, Output
from serving.open_inference.signature import OutputColumn

HEADER_LENGTH = "inference-header-content-length"
Datatype = Literal[(*DTYPES, BYTES)]  # type: ignore[valid-type]
# No body is larger; and of sizes with thousands of digits Python makes no text.
MAX_BINARY_SIZE = 2**31
# Extensions of other servers that would change the answer: better refused than ignored.
_UNSUPPORTED = ("classification", "shared_memory_region")


class _Message(BaseModel):
    # Clients add fields of their own (KServe's adds `model_name`).
    model_config = ConfigDict(extra="ignore")


class _Parametrised(_Message):
    # MLServer's client writes null for what it leaves out.
    parameters: dict[str, Any] | None = Field(
        default=None, description="Of extensions; most are ignored."
    )

    @property
    def given(self) -> dict[str, Any]:
        """The parameters."""
        return self.parameters or {}


class InputTensor(_Parametrised):
    """One field of all records."""

    name: str = Field(description="The field's name.")
    shape: list[NonNegativeInt] = Field(description="`[N]` or `[N, 1]`, for N records.")
    datatype: Datatype = Field(description="One that can hold the field's values.")
    data: list[Any] | None = Field(
        default=None, description="The values, unless `parameters.binary_data_size` is given."
    )


class RequestedOutput(_Parametrised):
    """One field of all predictions that is wanted."""

    name: str


class InferenceRequest(_Parametrised):
    """Records, column by column."""

    id: str | None = Field(default=None, description="Comes back with the answer.")
    inputs: list[InputTensor]
    outputs: list[RequestedOutput] | None = Field(default=None, description="If empty, all.")


class _LargeRequest(InferenceRequest):
    """The same, of whose inputs the first wrong one is told: thousands may be."""

    inputs: Annotated[list[InputTensor], FailFast()]


class OutputTensor(_Message):
    """One field of all predictions."""

    name: str
    shape: list[int]
    datatype: Datatype
    parameters: dict[str, str | int] = Field(
        default={}, description="Labels of the columns, the content type, the size of raw data."
    )
    data: list[Any] | None = None


class InferenceResponse(_Message):
    """Predictions, column by column, in the order of the records."""

    model_name: str
    model_version: str = Field(description="Version of the exact model that answered.")
    id: str | None = None
    parameters: dict[str, str] | None = Field(
        default=None, description="`prediction_id`, if the server records predictions."
    )
    outputs: list[OutputTensor]


class Request:
    """A request as it came over HTTP.

    Args:
        body: JSON, or JSON and raw tensors after it.
        header_length: Value of `Inference-Header-Content-Length`, if given.
        most_values: Most values that an input may have.

    Raises:
        ServingError: `invalid_input`.
    """

    def __init__(self, body: bytes, header_length: str | None, most_values: int) -> None:
        head, raw = _parted(body, header_length)
        large = LargeBody(head) if is_large(head) else None
        try:
            self.message = (
                _LargeRequest.model_validate_json(large.outline)
                if large
                else InferenceRequest.model_validate_json(head)
            )
        except pydantic.ValidationError as error:
            raise ServingError.from_details(problems_of(error), complete=not large) from None
        if large:
            for number, one in enumerate(self.message.inputs):
                one.data = large.data(number, one.shape, one.datatype, most_values)
        elif count_colons(head) != _count_keys(self.message):
            _require_unique(head)
        message = self.message
        self._requested = message.outputs or []
        require_supported(
            message.given,
            [(tensor.name, tensor.given) for tensor in message.inputs],
            [(output.name, output.given) for output in self._requested],
        )
        self.tensors = self._tensors(raw)
        self.outputs = [output.name for output in self._requested]

    def _tensors(self, raw: bytes) -> list[Tensor]:
        tensors, position = [], 0
        for one in self.message.inputs:
            size = one.given.get("binary_data_size")
            base64 = is_base64(one.given)
            if size is None and one.data is not None:
                tensors.append(Tensor(one.name, one.datatype, one.shape, one.data, base64))
                continue
            if type(size) is not int or size < 0 or one.data is not None:
                raise _invalid(
                    ("inputs", one.name), "Give either data or parameters.binary_data_size"
                )
            if size > MAX_BINARY_SIZE:
                raise _invalid(("inputs", one.name), "binary_data_size is beyond all bodies")
            part = raw[position : position + size]
            position += size
            tensors.append(Tensor(one.name, one.datatype, one.shape, part, base64))
        if position != len(raw):
            raise _invalid(
                ("inputs",),
                f"The tensors' binary_data_size add up to {position}, but {len(raw)} bytes follow",
            )
        return tensors

    def wants_binary(self, output: str) -> bool:
        """Whether an output is to be sent raw."""
        for one in self._requested:
            if one.name == output and one.given.get("binary_data") is not None:
                return bool(one.given["binary_data"])
        return bool(self.message.given.get("binary_data_output"))


def is_base64(given: Mapping[str, Any]) -> bool:
    """Whether a tensor's parameters say that its texts are Base64, as MLServer's codec has them."""
    return given.get("content_type") == "base64"


Named = tuple[str, Mapping[str, Any]]
"""A tensor's name and its parameters."""


def require_supported(
    request: Mapping[str, Any], inputs: Sequence[Named], outputs: Sequence[Named]
) -> None:
    """Refuses parameters of extensions that this server lacks and that change the answer.

    Args:
        request: Parameters of the request.
        inputs: Of its inputs.
        outputs: Of the outputs asked for.

    Raises:
        ServingError: `invalid_input`.
    """
    for name, given in (*inputs, *outputs):
        for key in _UNSUPPORTED:
            if given.get(key) is not None:
                raise _unsupported(name, key)
    for name, given in (("", request), *outputs):
        if is_base64(given):
            raise _unsupported(name, "content_type base64 of anything but an input")


def _unsupported(name: str, what: str) -> ServingError:
    loc = (name, "parameters") if name else ("parameters",)
    message = f"{what} is not supported"
    return ServingError.from_details([{"loc": loc, "msg": message, "type": "parameter"}])


def render(
    model: InferenceModel, request: Request, outputs: list[Output], prediction_id: str
) -> tuple[bytes, int]:
    """Returns the body of the answer, and the length of its JSON if raw tensors follow, else 0."""
    tensors, buffers = [], []
    for output, column in outputs:
        tensor = _described(output, column)
        if request.wants_binary(output.name):
            buffers.append(encode(column, output.datatype))
            tensor["parameters"]["binary_data_size"] = len(buffers[-1])
        else:
            tensor["data"] = _listed(output, column)
        tensors.append({key: value for key, value in tensor.items() if value != {}})
    answer: dict[str, Any] = {
        "model_name": model.name,
        "model_version": model.version,
        "outputs": tensors,
    }
    if request.message.id is not None:
        answer["id"] = request.message.id
    if prediction_id:
        answer["parameters"] = {"prediction_id": prediction_id}
    head: bytes = to_json(answer)
    return b"".join([head, *buffers]), len(head) if buffers else 0


def parameters(output: OutputColumn) -> dict[str, Any]:
    """Returns an output's parameters: its labels, and what MLServer's codecs go by."""
    content_type = {"content_type": "str"} if output.datatype == BYTES else {}
    return {**output.parameters, **content_type}


def _described(output: OutputColumn, column: NDArray[Any]) -> dict[str, Any]:
    return {
        "name": output.name,
        "shape": list(column.shape),
        "datatype": output.datatype,
        "parameters": parameters(output),
    }


def _listed(output: OutputColumn, column: NDArray[Any]) -> list[Any]:
    values: list[Any] = column.ravel().tolist()
    if output.nullable:
        return [None if math.isnan(value) else value for value in values]
    return values


def _parted(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    # More digits than the body's length has are no number to be made.
    is_number = header_length.isascii() and header_length.isdecimal()
    if not is_number or len(header_length) > 20 or int(header_length) > len(body):
        raise ServingError(
            Code.INVALID_INPUT,
            f"Inference-Header-Content-Length must be from 0 to {len(body)}, the size of the body.",
        )
    return body[: int(header_length)], body[int(header_length) :]


def _count_keys(message: InferenceRequest) -> int:
    """Counts the keys that made a request, but for those that are ignored."""
    tensors = (*message.inputs, *(message.outputs or ()))
    return sum(
        len(part.model_fields_set) + (count_keys(part.parameters) if part.parameters else 0)
        for part in (message, *tensors)
    )


def _require_unique(content: bytes) -> None:
    try:
        require_unique(content)
    except DuplicateError as error:
        raise ServingError.from_details([twice(error.loc)]) from None


def _invalid(loc: tuple[str, ...], message: str) -> ServingError:
    return ServingError.from_details([{"loc": loc, "msg": message, "type": "tensor"}])
