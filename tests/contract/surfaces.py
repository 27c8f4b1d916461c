"""The surfaces of the server behind one interface, so that one suite can test them all.

A further surface joins by implementing `Surface` and being listed in the fixture.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import pydantic
import pytest
import requests
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

from models.attrition import attrition_pb2
from models.topics import topics_pb2
from serving.errors import ErrorDetail, ServingError
from serving.http.openapi import declared_type


class RefusedError(Exception):
    """A surface refused a request."""

    def __init__(self, code: str, message: str, detail: list[ErrorDetail]) -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail


class Surface(Protocol):
    """One way to reach the served models."""

    def call(self, api: str, records: list[Any]) -> list[dict[str, Any]]:
        """Sends records to an API (`predict_attrition`, …) and returns its answers.

        Raises:
            RefusedError: The request was refused.
        """
        ...


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
        route, field = {
            "predict_attrition": ("/attrition/predict", "employees"),
            "explain_attrition": ("/attrition/explain", "employees"),
            "predict_topics": ("/topics/predict", "texts"),
        }[api]
        # `json=` would refuse NaN on the client's side; a careless client sends it.
        body = pydantic.TypeAdapter(Any, config={"ser_json_inf_nan": "constants"}).dump_json(
            {field: records}
        )
        response = requests.post(
            self.url + route, body, headers={"Content-Type": "application/json"}, timeout=30
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
        attrition = attrition_pb2.DESCRIPTOR.services_by_name["AttritionService"]
        topics = topics_pb2.DESCRIPTOR.services_by_name["TopicsService"]
        method = {
            "predict_attrition": attrition.methods_by_name["Predict"],
            "explain_attrition": attrition.methods_by_name["Explain"],
            "predict_topics": topics.methods_by_name["Predict"],
        }[api]
        request_type = GetMessageClass(method.input_type)
        try:
            request = request_type(**{method.input_type.fields[0].name: records})
            unsaid = any(isinstance(value, bool) for row in records for value in row.values())
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
        answers = getattr(response, method.output_type.fields[0].name)
        return [_as_json(answer) for answer in answers]


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
            loc=[int(part) if part.isdigit() else part for part in problem.field.split(".")],
            msg=problem.description,
            type=problem.reason,
        )
        for problem in problems.field_violations
    ]
    return RefusedError(info.reason, status.message, details)


def _as_json(answer: Any) -> dict[str, Any]:
    """Returns an answer as HTTP gives it; a map, having no order, in that of its keys."""
    content = MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return {
        name: dict(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in content.items()
    }
