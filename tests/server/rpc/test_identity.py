"""Every answer names model and request; errors are told as over HTTP."""

import uuid
from typing import Any

import bentoml
import grpc
import httpx
import pytest

from tests.contract.cases import EMPLOYEE
from tests.contract.surfaces import refused_call, trailers
from tests.processes import Server
from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.rpc.calling import QUEUE_ROWS, Toy, employees, refused, send_bytes
from tests.server.watching import Scrape, wait


@pytest.mark.parametrize("request_id", ["order-66", ""])
@pytest.mark.parametrize("salary", ["low", "huge"])
def test_every_answer_names_its_model_and_its_request(
    stub: Any, stored_models: dict[str, bentoml.Model], salary: str, request_id: str
) -> None:
    call = stub.Predict.future(
        employees({"salary": salary}), metadata=[("x-request-id", request_id)] * bool(request_id)
    )

    told = trailers(call)
    assert call.code() is (
        grpc.StatusCode.OK if salary == "low" else grpc.StatusCode.INVALID_ARGUMENT
    )
    assert told["x-model-tag"] == str(stored_models["attrition"].tag)
    assert told["x-request-id"]
    assert not request_id or told["x-request-id"] == request_id


@pytest.mark.parametrize("given", ["two words", "x" * 129, '"quoted"'])
def test_an_improper_request_id_is_replaced(stub: Any, given: str) -> None:
    _, call = stub.Predict.with_call(employees({}), metadata=[("x-request-id", given)])

    assert trailers(call)["x-request-id"] not in (given, "")


@pytest.mark.parametrize(
    "changes", [[{"salary": "huge"}], [{}, {"last_evaluation": 2, "department": "x"}], []]
)
def test_invalid_input_is_told_as_over_http(
    server: Server, stub: Any, changes: list[dict[str, Any]]
) -> None:
    content = {"employees": [{**EMPLOYEE, **change} for change in changes]}
    over_http = httpx.post(f"{server.url}/attrition/predict", json=content).json()

    error = refused(lambda: stub.Predict(employees(*changes)))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == over_http["error"]
    told = refused_call(error)
    assert told.code == over_http["code"]
    assert [detail.model_dump() for detail in told.detail] == over_http["detail"]


def test_many_problems_fit_into_the_trailers(stub: Any) -> None:
    error = refused(lambda: stub.Predict(employees(*[{"department": "x" * 10}] * 1_000)))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(error.details()).endswith("(and 999 more errors)")
    assert 10 < len(refused_call(error).detail) <= 50


@pytest.mark.parametrize(
    "method", ["/attrition.v1.AttritionService/Guess", "/nobody.v1.Knows/This", "/x"]
)
def test_an_unknown_method_is_refused_and_makes_no_series(
    server: Server, channel: grpc.Channel, method: str
) -> None:
    error = refused(lambda: send_bytes(channel, method, b""))

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refused_call(error).code == "method_not_allowed"
    wait(
        lambda: (
            Scrape(server).total("model_server_requests_total", route="unmatched", protocol="grpc")
            > 0
        ),
        "the call was not counted",
    )
    assert Scrape(server).total("model_server_requests_total", route=method) == 0


def test_bytes_that_are_no_message_are_invalid_input(channel: grpc.Channel) -> None:
    method = "/attrition.v1.AttritionService/Predict"

    error = refused(lambda: send_bytes(channel, method, b"\xff"))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused_call(error).code == "invalid_input"


def test_too_much_is_refused(server: Server, stub: Any, slow: Toy) -> None:
    over_http = httpx.post(
        f"{slow.server.url}/toy/sleep", json={"rows": [{"name": "x"}] * (QUEUE_ROWS + 1)}
    ).json()
    rows = refused(lambda: slow.sleep("x", rows=QUEUE_ROWS + 1).result())
    size = refused(lambda: stub.Predict(employees({"department": "x" * 2**24})))

    assert rows.code() is size.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (refused_call(rows).code, rows.details()) == ("payload_too_large", over_http["error"])
    assert stub.Predict(employees({})).predictions


def test_a_bug_is_logged_in_full_and_told_in_one_sentence(slow: Toy) -> None:
    stub, own_id = toy_pb2_grpc.ToyServiceStub(slow.channel), f"bug-{uuid.uuid4().hex}"
    request = toy_pb2.RowsRequest(rows=[{"name": "x"}])

    error = refused(lambda: stub.Fail(request, metadata=[("x-request-id", own_id)]))

    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str((error.trailing_metadata(), error.details()))
    wait(lambda: f"Request {own_id} failed" in slow.server.output(), "the bug was not logged")
    assert "ValueError: a secret of the implementation" in slow.server.output()


def test_calls_are_counted_by_method_protocol_and_status(server: Server, stub: Any) -> None:
    labels = {"route": "/attrition.v1.AttritionService/Explain", "protocol": "grpc"}

    def counted(status: str) -> float:
        return Scrape(server).total("model_server_requests_total", **labels, status=status)

    before = counted("200"), counted("400")
    for _ in range(3):
        stub.Explain(employees({}))
    refused(lambda: stub.Explain(employees()))

    wait(
        lambda: (counted("200"), counted("400")) == (before[0] + 3, before[1] + 1),
        "the calls were not counted",
    )
    assert Scrape(server).total("bentoml_service_request_total", endpoint=labels["route"]) == 0
