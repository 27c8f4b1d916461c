"""Streams: reflection in both versions, refusals without a message, predictions one by one."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import Message
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from tests.contract.surfaces import refused_call, trailers
from tests.processes import Server
from tests.server.asked import MODELS
from tests.server.rpc.calling import SERVICES
from tests.server.talk import Talk
from tests.server.watching import Scrape, wait

VERSIONS = ("v1", "v1alpha")
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


def reflected(channel: grpc.Channel, version: str, **asked: str) -> ServerReflectionResponse:
    """Asks one version of reflection, whose messages are the same in both."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        ServerReflectionRequest.SerializeToString,
        ServerReflectionResponse.FromString,
    )
    (answer,) = call(iter([ServerReflectionRequest(**asked)]), timeout=10)
    assert isinstance(answer, ServerReflectionResponse)
    return answer


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions_of_reflection_tell_all_services(channel: grpc.Channel, version: str) -> None:
    answer = reflected(channel, version, list_services="")

    assert [one.name for one in answer.list_services_response.service] == sorted(
        [
            *(service.full_name for service in SERVICES.values()),
            "grpc.health.v1.Health",
            *(f"grpc.reflection.{one}.ServerReflection" for one in VERSIONS),
            "inference.GRPCInferenceService",
            "model_server.feedback.v1.FeedbackService",
        ]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions_of_reflection_describe_each_other(
    channel: grpc.Channel, version: str
) -> None:
    for other in VERSIONS:
        symbol = f"grpc.reflection.{other}.ServerReflection"
        answer = reflected(channel, version, file_containing_symbol=symbol)
        (described,) = answer.file_descriptor_response.file_descriptor_proto

        file = FileDescriptorProto.FromString(described)
        assert file.package == f"grpc.reflection.{other}"
        (method,) = file.service[0].method
        assert method.input_type == f".grpc.reflection.{other}.ServerReflectionRequest"


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
def test_a_refused_stream_has_no_message(channel: grpc.Channel, kind: str) -> None:
    method: Callable[..., Any] = getattr(channel, kind)("/nobody.v1.Knows/This")
    call = method(b"" if kind == "unary_stream" else iter(()), timeout=10)
    messages: list[bytes] = []

    with pytest.raises(grpc.RpcError) as refused:
        messages.extend(call)

    assert messages == []
    assert call.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refused_call(refused.value).code == "method_not_allowed"


@pytest.fixture(scope="module")
def talk(server: Server) -> Talk:
    """The first model."""
    return Talk.of(server, next(iter(MODELS.values())))


def streamed(channel: grpc.Channel, requests: list[Message]) -> list[pb.ModelStreamInferResponse]:
    """Sends requests in one stream."""
    return list(GRPCInferenceServiceStub(channel).ModelStreamInfer(iter(requests), timeout=30))


def test_a_stream_is_answered_in_order_and_goes_on_after_an_error(
    server: Server, channel: grpc.Channel, talk: Talk
) -> None:
    def failed() -> float:
        return Scrape(server).total("model_server_requests_total", route=STREAM, status="404")

    before = failed()
    valid = [talk.message(id=str(number), rows=number + 1) for number in range(5)]
    unknown = pb.ModelInferRequest(model_name="nothing", id="odd")
    unary = GRPCInferenceServiceStub(channel).ModelInfer(valid[0], timeout=30)

    answers = streamed(channel, [*valid[:2], unknown, *valid[2:]])

    first, odd = answers[0].infer_response, answers[2]
    assert [one.infer_response.id for one in answers] == ["0", "1", "odd", "2", "3", "4"]
    assert [bool(one.error_message) for one in answers] == [False, False, True, *[False] * 3]
    assert odd.error_message.startswith("There is no model of this name")
    assert not odd.infer_response.outputs
    assert all(one.infer_response.parameters["triton_final_response"] for one in answers)
    assert first.outputs == unary.outputs
    assert [one.infer_response.outputs[0].shape[0] for one in answers if not one.error_message] == [
        1,
        2,
        3,
        4,
        5,
    ]
    wait(lambda: failed() == before + 1, "the refused message was not counted")


def test_a_stream_answers_each_message_before_the_next_one_comes(
    channel: grpc.Channel, talk: Talk
) -> None:
    answered: list[str] = []

    def requests() -> Iterator[Message]:
        for number in range(3):
            wait(lambda: len(answered) == number, "an answer was held back")  # noqa: B023
            yield talk.message(id=str(number))

    call = GRPCInferenceServiceStub(channel).ModelStreamInfer(requests(), timeout=30)
    for answer in call:
        answered.append(answer.infer_response.id)  # noqa: PERF401 - read meanwhile

    assert answered == ["0", "1", "2"]
    assert trailers(call)["x-request-id"]


def test_bytes_that_are_no_message_end_the_stream(channel: grpc.Channel, talk: Talk) -> None:
    send: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(STREAM)
    messages: list[bytes] = []

    with pytest.raises(grpc.RpcError) as refused:
        messages.extend(send(iter([talk.message().SerializeToString(), b"\xff"]), timeout=10))

    assert len(messages) == 1
    assert refused_call(refused.value).code == "invalid_input"
