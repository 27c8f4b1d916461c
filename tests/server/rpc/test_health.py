"""Health and reflection."""

from collections.abc import Iterator

import grpc
import httpx
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from framework.open_inference import inference_pb2, inference_pb2_grpc
from tests.server.rpc.calling import NOT_SERVING, SERVICES, SERVING, Toy, health_of, refused, toy
from tests.server.watching import wait

TIMEOUT_SECONDS = 1.0


def test_every_service_is_healthy(channel: grpc.Channel) -> None:
    names = {service.full_name for service in SERVICES.values()}
    assert {health_of(channel, name) for name in ("", *names)} == {SERVING}
    unknown = refused(lambda: health_of(channel, "nobody.v1.Knows"))
    assert unknown.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")

    (answer,) = stub.ServerReflectionInfo(iter([asked]), timeout=5)

    names = {service.name for service in answer.list_services_response.service}
    typed = {service.full_name for service in SERVICES.values()}
    assert names >= {*typed, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Toy]:
    """The toy with a short time-out."""
    with toy(MODEL_SERVER_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)) as started:
        yield started


def is_live(one: Toy) -> bool:
    """Whether Open Inference says that the server lives."""
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(one.channel)
    return bool(stub.ServerLive(inference_pb2.ServerLiveRequest(), timeout=5).live)


def is_ready(one: Toy) -> bool:
    """Whether Open Inference says that the server is ready."""
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(one.channel)
    return bool(stub.ServerReady(inference_pb2.ServerReadyRequest(), timeout=5).ready)


def test_a_batch_that_hangs_fails_liveness_on_every_protocol(hasty: Toy) -> None:
    assert is_live(hasty)
    # The model is busy for longer than twice the time-out, which is what it may take.
    occupied = hasty.occupy(8 * TIMEOUT_SECONDS)

    wait(lambda: not is_live(hasty), "Open Inference's liveness did not fail")
    wait(lambda: health_of(hasty.channel) == NOT_SERVING, "gRPC's health did not fail")
    assert httpx.get(f"{hasty.server.url}/livez", timeout=5).status_code == 503
    assert refused(occupied.result).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait(lambda: is_live(hasty), "Open Inference's liveness did not come back")
    wait(lambda: health_of(hasty.channel) == SERVING, "gRPC's health did not come back")


def test_a_service_that_is_not_ready_is_so_on_every_protocol(hasty: Toy) -> None:
    def say(ready: bool) -> None:
        url = f"{hasty.server.url}/toy/mood"
        httpx.post(url, json={"ready": ready}, timeout=5).raise_for_status()

    assert is_ready(hasty)
    say(ready=False)
    try:
        assert not is_ready(hasty)
        assert httpx.get(f"{hasty.server.url}/readyz", timeout=5).status_code == 503
        wait(lambda: health_of(hasty.channel) == NOT_SERVING, "gRPC's health did not fail")
        assert is_live(hasty)
    finally:
        say(ready=True)
    assert is_ready(hasty)
    wait(lambda: health_of(hasty.channel) == SERVING, "gRPC's health did not come back")
