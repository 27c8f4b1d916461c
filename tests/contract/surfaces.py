"""The surfaces of the server behind one interface, so that one suite can test them all.

A further surface joins by implementing `Surface` and being listed in `tests.contract.fixtures`.
"""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import grpc
import pydantic
import pytest
import requests
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from framework import Model
from framework.adapters.bentoml import declared_type
from framework.discovery import find_model, model_names
from serving.errors import ErrorDetail, ServingError
from serving.grpc.typed import method_path

_BOOL = FieldDescriptor.TYPE_BOOL
_NUMBERS = {
    FieldDescriptor.TYPE_DOUBLE,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
}


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
        request = _message(method, records)
        with grpc.insecure_channel(self.address) as channel:
            call = channel.unary_unary(
                method_path(method),
                type(request).SerializeToString,
                GetMessageClass(method.output_type).FromString,
            )
            try:
                response = call(request, timeout=30)
            except grpc.RpcError as error:
                raise refused_call(error) from None
        return _answers(method, response)


@dataclass
class ConnectSurface:
    """Typed messages over Connect, in protobuf's bytes or in its JSON."""

    url: str
    is_json: bool

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """See `Surface`; skips the test if no message can say what the records say."""
        method = _method(api)
        body = (
            _json(method, records)
            if self.is_json
            else _message(method, records).SerializeToString()
        )
        content_type = f"application/{'json' if self.is_json else 'proto'}"
        response = requests.post(
            self.url + method_path(method),
            body,
            headers={"Content-Type": content_type, "Connect-Protocol-Version": "1"},
            timeout=30,
        )
        assert response.headers["X-Request-ID"]
        if not response.ok:
            raise refused_request(response)
        assert response.headers["Content-Type"] == content_type
        message = GetMessageClass(method.output_type)()
        if self.is_json:
            Parse(response.content, message)
        else:
            message.ParseFromString(response.content)
        return _answers(method, message)


def _json(method: MethodDescriptor, records: list[Any]) -> bytes:
    """Writes records as clients' libraries do: in camel case, but what is no field as it is."""
    (rows,) = method.input_type.fields
    message: Any = rows.message_type
    fields = {field.name: field for field in message.fields}
    if any(
        isinstance(one, str) and name in fields and fields[name].type in _NUMBERS
        for record in records
        if isinstance(record, dict)
        for name, value in record.items()
        for one in (value if isinstance(value, list) else [value])
    ):
        pytest.skip("protobuf's JSON may have numbers as texts")
    named = [
        {fields[name].json_name if name in fields else name: one for name, one in record.items()}
        if isinstance(record, dict)
        else record
        for record in records
    ]
    return pydantic.TypeAdapter(Any, config={"ser_json_inf_nan": "strings"}).dump_json(
        {rows.json_name: named}
    )


def _message(method: MethodDescriptor, records: list[Any]) -> Message:
    """Makes a request of records; skips the test if no message can say what they say."""
    (rows,) = method.input_type.fields
    try:
        request = GetMessageClass(method.input_type)(**{rows.name: records})
        unsaid = any(_is_unsaid(rows, record) for record in records)
    except (TypeError, ValueError):
        unsaid = True
    if unsaid:
        pytest.skip("no message can say this")
    return request


def _answers(method: MethodDescriptor, response: Message) -> list[dict[str, Any]]:
    (answers,) = method.output_type.fields
    return [plain(answer) for answer in getattr(response, answers.name)]


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
    return _refused(status.message, status.details)


def refused_request(response: requests.Response) -> RefusedError:
    """Reads the details of a request that was refused over Connect."""
    told = response.json()
    details = [
        AnyMessage(
            type_url=f"type.googleapis.com/{one['type']}",
            value=b64decode(one["value"] + "=" * (-len(one["value"]) % 4)),
        )
        for one in told["details"]
    ]
    return _refused(told["message"], details)


def _refused(message: str, details: Iterable[AnyMessage]) -> RefusedError:
    info, problems = ErrorInfo(), BadRequest()
    for detail in details:
        detail.Unpack(info)
        detail.Unpack(problems)
    places = [
        ErrorDetail(
            loc=[
                int(part) if part.isdigit() else part for part in problem.field.split(".") if part
            ],
            msg=problem.description,
            type=problem.reason,
        )
        for problem in problems.field_violations
    ]
    return RefusedError(info.reason, message, places)


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
