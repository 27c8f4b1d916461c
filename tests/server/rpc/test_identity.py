"""Every answer names model and request; errors are told as over HTTP."""

import re
import uuid
from typing import Any

import bentoml
import grpc
import httpx
import pytest

from framework import Model
from tests.contract.cases import Refused
from tests.contract.cases import refused as refused_cases
from tests.contract.surfaces import GrpcSurface, HttpSurface, RefusedError, refused_call, trailers
from tests.processes import Server
from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.asked import EXPLAINED_MODEL, MODELS
from tests.server.rpc.calling import (
    QUEUE_ROWS,
    SERVICES,
    Toy,
    message_of,
    refused,
    send_bytes,
    stub_of,
)
from tests.server.watching import Scrape, wait

CASES = [
    (model, case)
    for name, model in MODELS.items()
    if name in SERVICES
    for case in [
        *refused_cases(model),
        Refused("empty record", f"predict_{name}", [dict(model.sample[0]), {}], (model.rows, 1)),
    ]
    # A message has no null: there, the field is missing.
    if not case.name.startswith("null")
]
# Bytes of a field that no message knows, which is no mistake: 16 MiB of zeros.
UNKNOWN_FIELD = b"\x7a\x80\x80\x80\x08" + bytes(2**24)


def must_be_given(model: Model[Any, Any]) -> int:
    """How many fields a message cannot leave out."""
    return sum(field.required and not field.nullable for field in model.encoder.fields)


@pytest.mark.parametrize("request_id", ["order-66", ""])
@pytest.mark.parametrize("count", [1, 0], ids=["valid", "invalid"])
def test_every_answer_names_its_model_and_its_request(
    stub: Any,
    model: Model[Any, Any],
    stored_models: dict[str, bentoml.Model],
    count: int,
    request_id: str,
) -> None:
    call = stub.Predict.future(
        message_of(model, model.sample[:count]),
        metadata=[("x-request-id", request_id)] * bool(request_id),
    )

    told = trailers(call)
    assert call.code() is (grpc.StatusCode.OK if count else grpc.StatusCode.INVALID_ARGUMENT)
    assert told["x-model-tag"] == str(stored_models[model.name].tag)
    assert told["x-request-id"]
    assert not request_id or told["x-request-id"] == request_id


@pytest.mark.parametrize("given", ["two words", "x" * 129, '"quoted"'])
def test_an_improper_request_id_is_replaced(stub: Any, model: Model[Any, Any], given: str) -> None:
    _, call = stub.Predict.with_call(message_of(model), metadata=[("x-request-id", given)])

    assert trailers(call)["x-request-id"] not in (given, "")


@pytest.mark.parametrize(
    ("model", "case"), CASES, ids=[f"{model.name}: {case.name}" for model, case in CASES]
)
def test_invalid_input_is_told_as_over_http(
    server: Server, model: Model[Any, Any], case: Refused
) -> None:
    if case.name == "empty record" and not must_be_given(model):
        pytest.skip("no field must be given")
    # Twice, so that there is more than one problem.
    records = case.records * 2

    with pytest.raises(RefusedError) as over_grpc:
        GrpcSurface(server.grpc).call(case.api, records)
    with pytest.raises(RefusedError) as over_http:
        HttpSurface(server.url).call(case.api, records)

    told, expected = over_grpc.value, over_http.value
    assert (told.code, str(told)) == (expected.code, str(expected))
    assert told.detail == expected.detail
    assert told.detail[0].loc[: len(case.loc)] == list(case.loc)


def test_many_problems_fit_into_the_trailers(stub: Any, model: Model[Any, Any]) -> None:
    if not must_be_given(model):
        pytest.skip("no field must be given")

    error = refused(lambda: stub.Predict(message_of(model, [{}] * 1_000)))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    # So many are known, and no more are looked for.
    (least,) = re.findall(r" \(and at least (\d+) more errors\)$", str(error.details()))
    assert 49 <= int(least) < 1_000 * must_be_given(model)
    assert 10 < len(refused_call(error).detail) <= 50


@pytest.mark.parametrize(
    "method",
    [
        *(f"/{service.full_name}/Guess" for service in SERVICES.values()),
        "/nobody.v1.Knows/This",
        "/x",
    ],
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


def test_bytes_that_are_no_message_are_invalid_input(
    channel: grpc.Channel, model: Model[Any, Any]
) -> None:
    method = f"/{SERVICES[model.name].full_name}/Predict"

    error = refused(lambda: send_bytes(channel, method, b"\xff"))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused_call(error).code == "invalid_input"


def test_too_much_is_refused(
    channel: grpc.Channel, stub: Any, model: Model[Any, Any], slow: Toy
) -> None:
    method = f"/{SERVICES[model.name].full_name}/Predict"
    content = message_of(model).SerializeToString() + UNKNOWN_FIELD
    over_http = httpx.post(
        f"{slow.server.url}/toy/sleep", json={"rows": [{"name": "x"}] * (QUEUE_ROWS + 1)}
    ).json()
    rows = refused(lambda: slow.sleep("x", rows=QUEUE_ROWS + 1).result())
    size = refused(lambda: send_bytes(channel, method, content))

    assert rows.code() is size.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (refused_call(rows).code, rows.details()) == ("payload_too_large", over_http["error"])
    assert stub.Predict(message_of(model)).predictions


def test_a_bug_is_logged_in_full_and_told_in_one_sentence(slow: Toy) -> None:
    stub, own_id = toy_pb2_grpc.ToyServiceStub(slow.channel), f"bug-{uuid.uuid4().hex}"
    request = toy_pb2.RowsRequest(rows=[{"name": "x"}])

    error = refused(lambda: stub.Fail(request, metadata=[("x-request-id", own_id)]))

    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str((error.trailing_metadata(), error.details()))
    wait(lambda: f"Request {own_id} failed" in slow.server.output(), "the bug was not logged")
    assert "ValueError: a secret of the implementation" in slow.server.output()


def test_calls_are_counted_by_method_protocol_and_status(
    server: Server, channel: grpc.Channel, model: Model[Any, Any]
) -> None:
    # Not what the other tests call, if there is anything else.
    if EXPLAINED_MODEL is not None and EXPLAINED_MODEL.name in SERVICES:
        model = EXPLAINED_MODEL
    (*_, last) = SERVICES[model.name].methods
    method = getattr(stub_of(channel, model), last.name)
    labels = {"route": f"/{SERVICES[model.name].full_name}/{last.name}", "protocol": "grpc"}

    def counted(status: str) -> float:
        return Scrape(server).total("model_server_requests_total", **labels, status=status)

    before = counted("200"), counted("400")
    for _ in range(3):
        method(message_of(model))
    refused(lambda: method(message_of(model, [])))

    # Calls of the other tests may have been counted since.
    wait(
        lambda: counted("200") >= before[0] + 3 and counted("400") >= before[1] + 1,
        "the calls were not counted",
    )
    # BentoML's own series know HTTP alone, where the method is asked over Connect.
    told = Scrape(server)
    over_connect = told.total(
        "model_server_requests_total", route=labels["route"], protocol="connect"
    )
    assert told.total("bentoml_service_request_total", endpoint=labels["route"]) == over_connect
