"""Messages and schemas: read, written, and told apart."""

from typing import Any

import pydantic
import pytest
from bentoml.exceptions import BentoMLConfigException
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from models.attrition import attrition_pb2, schema
from models.topics import topics_pb2
from serving.grpc.conversion import misfits, reader, writer
from serving.grpc.typed import require_fitting
from tests.contract.cases import EMPLOYEE
from tests.server import rpc_toy, toy_pb2

# The decorated class is a `bentoml.Service`, which its type does not tell.
TOY: Any = rpc_toy.RpcToy


def field(message: type[Message], name: str) -> FieldDescriptor:
    """Returns the descriptor of a message's field."""
    found: Any = message.DESCRIPTOR.fields_by_name[name]
    assert isinstance(found, FieldDescriptor)
    return found


EMPLOYEES = field(attrition_pb2.EmployeesRequest, "employees")
EXPLANATIONS = field(attrition_pb2.ExplainResponse, "explanations")


def problems(descriptor: FieldDescriptor, declared: Any, *, is_request: bool = True) -> list[str]:
    """Differences between a field and a Python type."""
    content = pydantic.TypeAdapter(declared).json_schema()
    return list(misfits(descriptor, content, content.get("$defs", {}), is_request=is_request))


def test_a_message_is_read_as_the_fields_it_has() -> None:
    zero = {name: value for name, value in EMPLOYEE.items() if name != "salary"}
    request = attrition_pb2.EmployeesRequest(employees=[EMPLOYEE, {**zero, "number_project": 0}])

    assert reader(EMPLOYEES)(request.employees) == [EMPLOYEE, {**zero, "number_project": 0}]


def test_lists_and_maps_become_pythons_own() -> None:
    names = toy_pb2.SleepResponse(names=["a", "b"])
    topic = topics_pb2.Topic(topic="x", probabilities={"x": 0.75})
    predictions = field(topics_pb2.PredictResponse, "predictions")

    assert reader(field(toy_pb2.SleepResponse, "names"))(names.names) == ["a", "b"]
    (read,) = reader(predictions)([topic])
    assert read == {"topic": "x", "probabilities": {"x": 0.75}}
    assert type(read["probabilities"]) is dict


@pytest.mark.parametrize("value", [2, 0.25, "sales", True, None])
def test_a_value_of_any_type_is_written(value: Any) -> None:
    content = [{"raw_score": 1.5, "contributions": [{"feature": "x", "value": value}]}]
    write = writer(EXPLANATIONS)

    assert write is not None
    response = attrition_pb2.ExplainResponse(explanations=write(content))
    written = response.explanations[0].contributions[0].value
    assert getattr(written, str(written.WhichOneof("kind"))) == (0 if value is None else value)
    assert response.explanations[0].raw_score == 1.5


def test_what_needs_no_preparation_gets_none() -> None:
    assert writer(EMPLOYEES) is None


def test_the_schema_and_its_message_fit() -> None:
    assert problems(EMPLOYEES, list[schema.Employee]) == []
    assert problems(EXPLANATIONS, list[schema.AttritionExplanation], is_request=False) == []


def test_every_difference_is_named() -> None:
    class Row(pydantic.BaseModel):
        name: int
        age: int

    rows = field(toy_pb2.RowsRequest, "rows")
    names = field(toy_pb2.SleepResponse, "names")
    leaves = field(attrition_pb2.Attrition, "leaves")

    assert problems(rows, list[Row]) == [
        "toy.v1.Row: only the schema has age",
        "toy.v1.Row: only the message has seconds",
        "toy.v1.Row.name cannot hold the schema's integer",
    ]
    assert problems(names, list[float]) == [
        "toy.v1.SleepResponse.names cannot hold the schema's number"
    ]
    assert problems(names, str) == [
        "toy.v1.SleepResponse.names is repeated, but not a list in the schema"
    ]
    assert problems(leaves, bool) == [
        "attrition.v1.Attrition.leaves must be optional, or a missing value would be taken for zero"
    ]
    assert problems(leaves, bool | None, is_request=False) == []


def test_a_service_without_the_api_does_not_start() -> None:
    require_fitting([toy_pb2.DESCRIPTOR], TOY.apis)

    with pytest.raises(BentoMLConfigException, match=r"Predict has no batchable API at /topics/p"):
        require_fitting([topics_pb2.DESCRIPTOR], TOY.apis)
