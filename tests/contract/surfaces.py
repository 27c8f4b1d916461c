"""The surfaces of the server behind one interface, so that one suite can test them all.

A further surface joins by implementing `Surface` and being listed in `tests.contract.fixtures`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import grpc
import pydantic
import pytest
import requests
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from framework import Model
from framework.adapters.bentoml import declared_type
from framework.discovery import find_model, model_names
from serving.errors import ErrorDetail, ServingError

_BOOL = FieldDescriptor.TYPE_BOOL


class RefusedError(Exception):
    """A surface refused a request."""

    def __init__(self, code: str, message: str, detail: list[ErrorDetail]) -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class Surface(Protocol):
    """One way to reach the served models."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """Sends records to an API (`predict_<model>`, …) and returns its answers.

        Raises:
            RefusedError: The request was refused.
        """
        ...


PACKAGES = ("models", "tests.models", "tests.server.toy_models")
"""Where models are looked for by the name of an API: in the first that has the name."""


@cache
def asked(api: str) -> tuple[str, Model[Any, Any]]:
    """Returns the verb of an API's name, and its model."""
    verb, _, name = api.partition("_")
    package = next(one for one in PACKAGES if name in model_names(one))
    return verb, find_model(name, package)


@dataclass
class LocalSurface:
    """The service object in this process."""

    instance: Any

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        method = self.instance.bento_service.apis[api]
        request_type = declared_type(method.input_spec)
        (field,) = request_type.model_fields
        try:
            request = request_type.model_validate({field: records})
        except pydantic.ValidationError as invalid:
            error = ServingError.from_validation(invalid)
            raise RefusedError(error.code.code, str(error), error.detail) from None
        answers = getattr(self.instance, api)(getattr(request, field))
        return [answer.model_dump(mode="json") for answer in answers]


@dataclass
class HttpSurface:
    """JSON over HTTP."""

    url: str

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`."""
        verb, model = asked(api)
        # `json=` would refuse NaN on the client's side; a careless client sends it.
        body = pydantic.TypeAdapter(Any, config={"ser_json_inf_nan": "constants"}).dump_json(
            {model.rows: records}
        )
        response = requests.post(
            f"{self.url}/{model.name}/{verb}",
            body,
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
        answer = response.json()
        if response.ok:
            assert isinstance(answer, list)
            return answer
        assert answer["request_id"] == response.headers["X-Request-ID"]
        detail = [ErrorDetail.model_validate(item) for item in answer["detail"]]
        raise RefusedError(answer["code"], answer["error"], detail)


@dataclass
class GrpcSurface:
    """Typed messages over gRPC."""

    address: str

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`; skips the test if no message can say what the records say."""
        method = _method(api)
        (rows,) = method.input_type.fields
        request_type = GetMessageClass(method.input_type)
        try:
            request = request_type(**{rows.name: records})
            unsaid = any(_is_unsaid(rows, record) for record in records)
        except (TypeError, ValueError):
            unsaid = True
        if unsaid:
            pytest.skip("no message can say this")
        with grpc.insecure_channel(self.address) as channel:
            call = channel.unary_unary(
                f"/{method.containing_service.full_name}/{method.name}",
                request_type.SerializeToString,
                GetMessageClass(method.output_type).FromString,
            )
            try:
                response = call(request, timeout=30)
            except grpc.RpcError as error:
                raise refused_call(error) from None
        return [plain(answer) for answer in getattr(response, method.output_type.fields[0].name)]


def _method(api: str) -> MethodDescriptor:
    verb, model = asked(api)
    assert model.descriptor is not None, f"`make protos` has made no stubs of {model.name}"
    (service,) = model.descriptor.services_by_name.values()
    return service.methods_by_name[verb.title()]


def _is_unsaid(rows: FieldDescriptor, record: dict[str, Any]) -> bool:
    """Whether a truth value stands where none may, or something else where one should.

    Python's messages take one for the other; other languages' do not.
    """
    fields: Any = rows.message_type
    return any(
        (type(one) is bool) != (fields.fields_by_name[name].type == _BOOL)
        for name, value in record.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    )


def trailers(call: Any) -> dict[str, Any]:
    """Returns the metadata that came after a call's answer."""
    return dict(tuple(pair) for pair in call.trailing_metadata())


def refused_call(error: grpc.RpcError) -> RefusedError:
    """Reads the details of a refused gRPC call."""
    status = rpc_status.from_call(error)
    assert status is not None
    assert trailers(error)["x-request-id"]
    info, problems = ErrorInfo(), BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(problems)
    details = [
        ErrorDetail(
            loc=[
                int(part) if part.isdigit() else part for part in problem.field.split(".") if part
            ],
            msg=problem.description,
            type=problem.reason,
        )
        for problem in problems.field_violations
    ]
    return RefusedError(info.reason, status.message, details)


def plain(message: Message) -> Any:
    """Returns an answer as HTTP gives it; a map, having no order, in that of its keys."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Value":
        return MessageToDict(message)
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.is_repeated:
        return [plain(one) if field.message_type else one for one in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return plain(value) if field.message_type else value
