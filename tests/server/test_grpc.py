"""gRPC: identity, errors, health, reflection, shared batches, deadlines, stopping."""

import contextlib
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import bentoml
import grpc
import httpx
import psutil
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from prometheus_client.parser import text_string_to_metric_families

from models.attrition import attrition_pb2, attrition_pb2_grpc
from tests.contract.cases import EMPLOYEE
from tests.contract.surfaces import refused_call, trailers
from tests.processes import Server, wait_until
from tests.server import toy_pb2, toy_pb2_grpc

TOY = "tests.server.rpc_toy:RpcToy"
DEADLINE_SECONDS = 15
SERVICES = {"attrition.v1.AttritionService", "topics.v1.TopicsService"}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
QUEUE_ROWS = 12


@dataclass
class Toy:
    """The toy service and stubs of it."""

    server: Server
    channel: grpc.Channel

    def sleep(
        self, name: str, seconds: float = 0, rows: int = 1, deadline: float = 30
    ) -> "grpc.Future[Any]":
        """Starts a call whose rows take the model some time."""
        request = toy_pb2.RowsRequest(rows=[{"name": name, "seconds": seconds}] * rows)
        stub = toy_pb2_grpc.ToyServiceStub(self.channel)
        future: grpc.Future[Any] = stub.Sleep.future(request, timeout=deadline)
        return future

    def batches(self) -> list[list[str]]:
        """Names of the rows of every batch so far."""
        batches: list[list[str]] = httpx.post(f"{self.server.url}/toy/batches", json={}).json()
        return batches

    def computed(self, name: str) -> bool:
        """Whether a row of this name has reached the model."""
        return any(name in batch for batch in self.batches())

    def occupy(self, seconds: float) -> "grpc.Future[Any]":
        """Occupies the model; returns when it is occupied."""
        name = uuid.uuid4().hex
        sleeping = self.sleep(name, seconds)
        wait(lambda: self.computed(name), "the model was not occupied")
        return sleeping

    def queued_rows(self) -> float:
        """Rows waiting for the model."""
        return total(self.server, "model_server_queue_rows", route="/toy/sleep")


@contextlib.contextmanager
def toy(**environment: str) -> Iterator[Toy]:
    """Starts the toy service."""
    with (
        Server.start(TOY, environment=environment) as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        yield Toy(server, channel)


@pytest.fixture(scope="module")
def slow(stored_models: dict[str, bentoml.Model]) -> Iterator[Toy]:
    """The toy service with a short queue."""
    rows = str(QUEUE_ROWS)
    with toy(MODEL_SERVER_MAX_QUEUE_ROWS=rows, MODEL_SERVER_MAX_ROWS=rows) as started:
        yield started


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A connection to the real service."""
    with grpc.insecure_channel(server.grpc) as connected:
        yield connected


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    """The typed client of the real service."""
    return attrition_pb2_grpc.AttritionServiceStub(channel)


def wait(condition: Callable[[], bool], what: str) -> None:
    """Polls until a condition is true."""
    wait_until(condition, DEADLINE_SECONDS, what)


def employees(*changes: dict[str, Any]) -> attrition_pb2.EmployeesRequest:
    """A request for employees that differ from the usual one."""
    return attrition_pb2.EmployeesRequest(employees=[{**EMPLOYEE, **change} for change in changes])


def total(server: Server, name: str, **labels: str) -> float:
    """Sum of a metric over all samples with these labels."""
    text = httpx.get(f"{server.url}/metrics", timeout=30).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def health_of(channel: grpc.Channel, service: str = "") -> int:
    """Status of a service, by the standard health protocol."""
    stub = health_pb2_grpc.HealthStub(channel)
    status: int = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status
    return status


def send_bytes(channel: grpc.Channel, method: str, body: bytes) -> bytes:
    """Calls a method without any stub."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return call(body, timeout=5)


def refused(call: Callable[[], Any]) -> grpc.RpcError:
    """The error of a call that must fail."""
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return failed.value


# --- Identity and errors --------------------------------------------------------------------


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
            total(server, "model_server_requests_total", route="unmatched", protocol="grpc") > 0
        ),
        "the call was not counted",
    )
    assert total(server, "model_server_requests_total", route=method) == 0


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
        return total(server, "model_server_requests_total", **labels, status=status)

    before = counted("200"), counted("400")
    for _ in range(3):
        stub.Explain(employees({}))
    refused(lambda: stub.Explain(employees()))

    wait(
        lambda: (counted("200"), counted("400")) == (before[0] + 3, before[1] + 1),
        "the calls were not counted",
    )
    assert total(server, "bentoml_service_request_total", endpoint=labels["route"]) == 0


# --- Health and reflection ------------------------------------------------------------------


def test_every_service_is_healthy(channel: grpc.Channel) -> None:
    assert {health_of(channel, name) for name in ("", *SERVICES)} == {SERVING}
    unknown = refused(lambda: health_of(channel, "nobody.v1.Knows"))
    assert unknown.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")

    (answer,) = stub.ServerReflectionInfo(iter([asked]), timeout=5)

    names = {service.name for service in answer.list_services_response.service}
    assert names >= {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


# --- Batches, deadlines, overload -----------------------------------------------------------


def test_http_and_grpc_share_batches_and_each_gets_its_own(slow: Toy) -> None:
    sleeping = slow.occupy(1)
    names = [f"shared-{number}" for number in range(8)]

    def post(name: str) -> list[str]:
        body = {"rows": [{"name": name}]}
        answers: list[str] = httpx.post(
            f"{slow.server.url}/toy/sleep", json=body, timeout=30
        ).json()
        return answers

    with ThreadPoolExecutor(8) as threads:
        over_http = {name: threads.submit(post, name) for name in names[::2]}
        over_grpc = {name: slow.sleep(name) for name in names[1::2]}
        wait(lambda: slow.queued_rows() == len(names), "the rows were not queued")
        assert not sleeping.done()
        for name, posted in over_http.items():
            assert posted.result() == [name]
        for name, called in over_grpc.items():
            assert called.result().names == [name]

    assert sorted(names) in [sorted(batch) for batch in slow.batches()]


def test_a_call_whose_deadline_passes_leaves_the_queue(slow: Toy) -> None:
    sleeping = slow.occupy(2)

    late = refused(lambda: slow.sleep("late", deadline=0.3).result())

    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait(lambda: slow.queued_rows() == 0, "the call stayed in the queue")
    assert not sleeping.done()
    assert sleeping.result().names
    assert slow.sleep("after").result().names == ["after"]
    assert not slow.computed("late")
    labels = {"route": "/toy.v1.ToyService/Sleep", "status": "504"}
    wait(
        lambda: total(slow.server, "model_server_requests_total", **labels) > 0,
        "the call was not counted",
    )


def test_a_cancelled_call_leaves_the_queue(slow: Toy) -> None:
    sleeping = slow.occupy(2)
    cancelled = slow.sleep("cancelled")
    wait(lambda: slow.queued_rows() == 1, "the call was not queued")

    cancelled.cancel()

    wait(lambda: slow.queued_rows() == 0, "the call stayed in the queue")
    assert not sleeping.done()
    assert sleeping.result().names
    assert slow.sleep("after").result().names == ["after"]
    assert not slow.computed("cancelled")


def test_overload_says_when_to_try_again(slow: Toy) -> None:
    sleeping = slow.occupy(1)
    accepted = slow.sleep("accepted", rows=QUEUE_ROWS)
    wait(lambda: slow.queued_rows() == QUEUE_ROWS, "the queue was not full")

    error = refused(lambda: slow.sleep("one too many").result())

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused_call(error).code == "overloaded"
    status, retry = rpc_status.from_call(error), RetryInfo()
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds >= 1
    assert sleeping.result().names
    assert accepted.result().names == ["accepted"] * QUEUE_ROWS


# --- Workers and stopping -------------------------------------------------------------------


def test_two_workers_share_the_port(server: Server) -> None:
    workers = psutil.Process(server.process.pid).children(recursive=True)
    listening = {
        worker.pid
        for worker in workers
        for connection in worker.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port == int(server.grpc.split(":")[1])
    }

    assert len(listening) == 2


def test_health_fails_first_and_calls_end_before_the_server_does() -> None:
    drain_seconds, call_seconds = 2.0, 3.5
    with toy(MODEL_SERVER_DRAIN_SECONDS=str(drain_seconds)) as started:
        names = ("", "toy.v1.ToyService")
        assert {health_of(started.channel, name) for name in names} == {SERVING}
        # One that watches has no end of its own, and must not hold the server up.
        watching = health_pb2_grpc.HealthStub(started.channel).Watch(
            health_pb2.HealthCheckRequest()
        )
        assert next(watching).status == SERVING
        sleeping = started.occupy(call_seconds)
        terminated = time.monotonic()
        started.server.process.send_signal(signal.SIGTERM)

        assert next(watching).status == NOT_SERVING
        assert {health_of(started.channel, name) for name in names} == {NOT_SERVING}
        called = started.sleep("while draining")
        assert time.monotonic() - terminated < drain_seconds

        assert sleeping.result().names
        assert called.result().names == ["while draining"]
        assert started.server.process.wait(DEADLINE_SECONDS) == 0
        assert drain_seconds <= time.monotonic() - terminated < 10
        late = refused(lambda: started.sleep("late", deadline=5).result())
        assert late.code() is grpc.StatusCode.UNAVAILABLE
        assert started.server.output().count("Traceback") == 0


def test_a_server_stops_without_draining(slow: Toy) -> None:
    with toy() as started:
        sleeping = started.occupy(1)
        started.server.process.send_signal(signal.SIGTERM)

        assert sleeping.result().names
        assert started.server.process.wait(DEADLINE_SECONDS) == 0
