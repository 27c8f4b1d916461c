"""Messages and schemas: read, written, and told apart."""

from typing import Any

import pydantic
import pytest
from bentoml.exceptions import BentoMLConfigException
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from serving.beside import MANY_ROWS
from serving.codecs.protobuf import many_rows
from serving.grpc.conversion import misfits, reader, writer
from serving.grpc.typed import require_fitting
from tests.server import rpc_toy, toy_pb2
from tests.server.toy_models import gauges, spans
from tests.server.toy_models.gauges import gauges_pb2
from tests.server.toy_models.kinds import kinds_pb2
from tests.server.toy_models.spans import spans_pb2

# The decorated class is a `bentoml.Service`, which its type does not tell.
TOY: Any = rpc_toy.RpcToy


def field(message: type[Message], name: str) -> FieldDescriptor:
    """Returns the descriptor of a message's field."""
    found: Any = message.DESCRIPTOR.fields_by_name[name]
    assert isinstance(found, FieldDescriptor)
    return found


GAUGES = field(gauges_pb2.GaugesRequest, "gauges")
EXPLANATIONS = field(spans_pb2.ExplainResponse, "explanations")
GAUGE = {"level": 1.5, "count": 3, "flag": True, "grade": "low", "step": 5, "pressure": 0.25}


def problems(descriptor: FieldDescriptor, declared: Any, *, is_request: bool = True) -> list[str]:
    """Differences between a field and a Python type."""
    content = pydantic.TypeAdapter(declared).json_schema()
    return list(misfits(descriptor, content, content.get("$defs", {}), is_request=is_request))


def test_a_message_is_read_as_the_fields_it_has() -> None:
    zero = {name: value for name, value in GAUGE.items() if name != "grade"}
    zero |= {"count": 0, "flag": False, "pressure": 0.0}
    request = gauges_pb2.GaugesRequest(gauges=[GAUGE, zero])

    assert reader(GAUGES)(request.gauges) == [GAUGE, zero]


def test_lists_and_maps_become_pythons_own() -> None:
    names = toy_pb2.SleepResponse(names=["a", "b"])
    kind = kinds_pb2.Kind(kind="x", probabilities={"x": 0.75})
    predictions = field(kinds_pb2.PredictResponse, "predictions")

    assert reader(field(toy_pb2.SleepResponse, "names"))(names.names) == ["a", "b"]
    (read,) = reader(predictions)([kind])
    assert read == {"kind": "x", "probabilities": {"x": 0.75}}
    assert type(read["probabilities"]) is dict


def test_answers_with_messages_in_them_are_sooner_many() -> None:
    assert many_rows(EXPLANATIONS) < many_rows(field(kinds_pb2.PredictResponse, "predictions"))
    assert many_rows(field(toy_pb2.SleepResponse, "names")) == MANY_ROWS


@pytest.mark.parametrize("value", [2, 0.25, "low", True, None])
def test_a_value_of_any_type_is_written(value: Any) -> None:
    content = [{"probability": 1.5, "parts": [{"end": "x", "value": value}]}]
    write = writer(EXPLANATIONS)

    assert write is not None
    response = spans_pb2.ExplainResponse(explanations=write(content))
    written = response.explanations[0].parts[0].value
    assert getattr(written, str(written.WhichOneof("kind"))) == (0 if value is None else value)
    assert response.explanations[0].probability == 1.5


def test_what_needs_no_preparation_gets_none() -> None:
    assert writer(GAUGES) is None


def test_the_schema_and_its_message_fit() -> None:
    assert problems(GAUGES, list[gauges.Gauge]) == []
    assert problems(EXPLANATIONS, list[spans.Reasons], is_request=False) == []


def test_every_difference_is_named() -> None:
    class Row(pydantic.BaseModel):
        name: int
        age: int

    rows = field(toy_pb2.RowsRequest, "rows")
    names = field(toy_pb2.SleepResponse, "names")
    wide = field(spans_pb2.Width, "wide")

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
    assert problems(wide, bool) == [
        "spans.v1.Width.wide must be optional, or a missing value would be taken for zero"
    ]
    assert problems(wide, bool | None, is_request=False) == []


def test_a_service_without_the_api_does_not_start() -> None:
    require_fitting([toy_pb2.DESCRIPTOR], TOY.apis)

    with pytest.raises(BentoMLConfigException, match=r"Predict has no batchable API at /kinds/p"):
        require_fitting([kinds_pb2.DESCRIPTOR], TOY.apis)
