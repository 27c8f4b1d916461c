"""Health and reflection."""

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.server.rpc.calling import SERVICES, SERVING, health_of, refused


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
