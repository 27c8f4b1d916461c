"""Typed gRPC calls of a model, by the descriptor of its `.proto` file."""

from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from pydantic import BaseModel

from framework.answers import AnswerField, answer_fields
from load_tests.roles import AnyModel
from load_tests.systems.base import GrpcDialect

if TYPE_CHECKING:
    from load_tests.reference import Reference
    from load_tests.scenarios import Rows


def typed(model: AnyModel) -> GrpcDialect | None:
    """Returns how a model is called over typed gRPC; nothing if its stubs were not generated."""
    if (descriptor := model.descriptor) is None:
        return None
    request = GetMessageClass(descriptor.message_types_by_name[model.request.__name__])
    response = response_type(model)
    answer_type: type[BaseModel] = model.answer
    fields = answer_fields(answer_type)
    (service,) = descriptor.services_by_name.values()

    def encode(rows: "Rows") -> bytes:
        return ParseDict({model.rows: rows}, request()).SerializeToString()

    def check(reference: "Reference", rows: "Rows", content: bytes) -> None:
        told = response.FromString(content).predictions
        answers = [{field.name: _plain(field, one) for field in fields} for one in told]
        reference[model.name].check(rows, answers)

    return GrpcDialect(f"/{service.full_name}/Predict", encode, check)


def response_type(model: AnyModel) -> Any:
    """Returns the class of a model's typed answers, whose stubs were generated."""
    assert model.descriptor is not None
    return GetMessageClass(model.descriptor.message_types_by_name["PredictResponse"])


def _plain(field: AnswerField, message: Any) -> Any:
    if field.nullable and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.shape == "labelled":
        return dict(value)
    return list(value) if field.shape == "list" else value
