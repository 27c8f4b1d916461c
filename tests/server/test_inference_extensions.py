"""What clients of MLServer, Triton and KServe send and ask beyond the protocol's core."""

import base64
import json
import time
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from framework.open_inference.tensors import BYTES
from tests.contract.surfaces import RefusedError, refused_call
from tests.processes import Server
from tests.server.asked import MODELS
from tests.server.talk import Talk, Tensor, as_binary, ask, framed, get, raw
from tests.server.watching import wait

BASE64 = {"content_type": "base64"}


@pytest.fixture(scope="module")
def talk(server: Server) -> Talk:
    """The first model that takes texts."""
    talks = (Talk.of(server, model) for model in MODELS.values())
    return next(one for one in talks if any(i["datatype"] == BYTES for i in one.inputs()))


@pytest.fixture(scope="module")
def stub(server: Server) -> Any:
    """The gRPC client."""
    return GRPCInferenceServiceStub(grpc.insecure_channel(server.grpc))


def plain(message: Message) -> Any:
    """A message as HTTP has it: fields of zeros too, whole numbers as numbers."""
    found = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.loads(
        json.dumps(found), object_hook=lambda one: {k: _number(v) for k, v in one.items()}
    )


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return [_number(one) for one in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


# MLServer ---------------------------------------------------------------------------------------


def test_what_is_left_out_may_be_null_and_parameters_anything(server: Server, talk: Talk) -> None:
    odd = {"content_type": None, "headers": {"a": [1, {"b": None}]}, "pandas": {}}
    output = next(iter(talk.outputs))
    for parameters in (None, odd):
        inputs = [{**one, "parameters": parameters} for one in talk.inputs()]
        for outputs in (None, [{"name": output, "parameters": parameters}]):
            body = {"id": None, "parameters": parameters, "inputs": inputs, "outputs": outputs}
            response = ask(server, body, talk.name)

            assert response.status_code == 200, response.text
            answered = [one["name"] for one in response.json()["outputs"]]
            assert answered == (list(talk.outputs) if outputs is None else [output])


def in_base64(inputs: list[Tensor]) -> list[Tensor]:
    """Tensors whose texts are Base64, and say so."""
    return [
        {
            **one,
            "parameters": BASE64,
            "data": [base64.b64encode(text.encode()).decode() for text in one["data"]],
        }
        if one["datatype"] == BYTES
        else one
        for one in inputs
    ]


def test_base64_is_decoded(server: Server, talk: Talk) -> None:
    inputs = in_base64(talk.inputs())
    response = ask(server, {"inputs": inputs}, talk.name)
    binary = [{**one, "parameters": {**as_binary(one)["parameters"], **BASE64}} for one in inputs]
    head = [
        {name: value for name, value in one.items() if name != "data"}
        if one["datatype"] == BYTES
        else as_binary(one)
        for one in binary
    ]
    body, headers = framed(head, b"".join(map(raw, inputs)))
    response_raw = ask(server, body, talk.name, **headers)

    assert talk.is_right(response.json()["outputs"]), response.text
    assert talk.is_right(response_raw.json()["outputs"]), response_raw.text


def as_raw(request: pb.ModelInferRequest, inputs: list[Tensor]) -> pb.ModelInferRequest:
    """A request whose typed contents are empty, beside raw ones."""
    for tensor, one in zip(request.inputs, inputs, strict=True):
        tensor.ClearField("contents")
        tensor.contents.SetInParent()
        request.raw_input_contents.append(raw(one))
    return request


@pytest.mark.parametrize("is_raw", [True, False])
def test_base64_is_decoded_over_grpc(stub: Any, talk: Talk, is_raw: bool) -> None:
    plainly, request = talk.message(), talk.message()
    inputs = in_base64(talk.inputs())
    for tensor, one in zip(request.inputs, inputs, strict=True):
        if one["datatype"] == BYTES:
            tensor.parameters["content_type"].string_param = "base64"
            tensor.contents.bytes_contents[:] = [text.encode() for text in one["data"]]
    if is_raw:
        plainly, request = as_raw(plainly, talk.inputs()), as_raw(request, inputs)

    assert stub.ModelInfer(request) == stub.ModelInfer(plainly)


@pytest.mark.parametrize("data", ["not in Base64!", base64.b64encode(b"\xff").decode()])
def test_what_is_not_base64_is_refused(server: Server, talk: Talk, data: str) -> None:
    inputs = [
        {**one, "parameters": BASE64, "data": [data]} if one["datatype"] == BYTES else one
        for one in talk.inputs()
    ]
    response = ask(server, {"inputs": inputs}, talk.name)

    assert response.status_code == 400
    assert "An element is not UTF-8 text in Base64" in response.json()["error"]
    assert data not in response.text


def test_base64_of_anything_else_is_refused(server: Server, talk: Talk) -> None:
    output = {"name": next(iter(talk.outputs)), "parameters": BASE64}
    inputs = talk.inputs()
    for body in (
        {"inputs": inputs, "parameters": BASE64},
        {"inputs": inputs, "outputs": [output]},
        {"inputs": [{**one, "parameters": BASE64} for one in inputs if one["datatype"] != BYTES]},
    ):
        if body["inputs"]:
            response = ask(server, body, talk.name)
            assert response.status_code == 400
            assert "ase64" in response.json()["error"]


def test_raw_contents_may_stand_beside_empty_typed_ones(stub: Any, talk: Talk) -> None:
    request = as_raw(talk.message(), talk.inputs())
    assert stub.ModelInfer(request).raw_output_contents

    request.inputs[0].contents.fp64_contents.append(1.0)
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(request)
    assert "either raw or typed contents" in str(refused_call(refused.value))


def test_an_output_is_asked_for_once(stub: Any, talk: Talk) -> None:
    request = talk.message()
    for _ in range(9_000):
        request.outputs.add(name=next(iter(talk.outputs)))

    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(request, timeout=10)

    told: RefusedError = refused_call(refused.value)
    assert (told.code, len(told.detail)) == ("invalid_input", 1)
    assert "more than once" in str(told)


# KServe and Triton ------------------------------------------------------------------------------


def test_the_models_are_listed(server: Server, stub: Any) -> None:
    names = get(server, "/v2/models")["models"]
    index = requests.post(f"{server.url}/v2/repository/index", timeout=30).json()

    assert names == list(MODELS)
    assert [one["name"] for one in index] == names
    for one in index:
        assert [one["version"]] == get(server, f"/v2/models/{one['name']}")["versions"]
        assert one["state"] == "READY"
    over_grpc = plain(stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True)))["models"]
    assert [{**one, "reason": ""} for one in index] == over_grpc


@pytest.mark.parametrize(
    "path", ["/v2/health/live", "/v2/health/ready", "/v2/models/{}/ready", "/livez", "/readyz"]
)
def test_probes_may_ask_for_the_head_alone(server: Server, talk: Talk, path: str) -> None:
    response = requests.head(server.url + path.format(talk.name), timeout=30)

    assert (response.status_code, response.content) == (200, b"")


def test_a_models_configuration(server: Server, stub: Any, talk: Talk) -> None:
    config = get(server, f"/v2/models/{talk.name}/config")
    (version,) = talk.metadata["versions"]
    over_grpc = stub.ModelConfig(pb.ModelConfigRequest(name=talk.name)).config

    assert config == get(server, f"/v2/models/{talk.name}/versions/{version}/config")
    assert plain(over_grpc) == config
    assert over_grpc.HasField("dynamic_batching")
    for told, tensors in (("input", "inputs"), ("output", "outputs")):
        for one, known in zip(config[told], talk.metadata[tensors], strict=True):
            assert one["name"] == known["name"]
            kind = known["datatype"].replace(BYTES, "STRING")
            assert one["data_type"] == f"TYPE_{kind}"
            shape = one["reshape"]["shape"] if "reshape" in one else one["dims"]
            assert [-1, *shape] == known["shape"]


def test_a_model_tells_what_it_has_answered(server: Server, stub: Any, talk: Talk) -> None:
    def told() -> dict[str, Any]:
        (found,) = get(server, f"/v2/models/{talk.name}/stats")["model_stats"]
        assert isinstance(found, dict)
        return found

    def counts(of: dict[str, Any]) -> tuple[int, int, int]:
        outcomes = of["inference_stats"]
        return of["inference_count"], outcomes["success"]["count"], outcomes["fail"]["count"]

    seen: list[tuple[float, tuple[int, int, int]]] = []

    def is_settled() -> bool:
        found, now = counts(told()), time.monotonic()
        if not seen or seen[-1][1] != found:
            seen.append((now, found))
        return now - seen[-1][0] > 2

    # What other tests asked is counted a little later, by the other worker.
    wait(is_settled, "the counts never settled")
    rows, answered, failed = seen[-1][1]
    for _ in range(3):
        ask(server, {"inputs": talk.inputs(4)}, talk.name)
        stub.ModelInfer(talk.message(rows=2))
        stub.ModelMetadata(pb.ModelMetadataRequest(name=talk.name))
    ask(server, {"inputs": []}, talk.name)

    # The other worker hands its counts on twice a second.
    expected = (rows + 18, answered + 6, failed + 1)
    wait(lambda: counts(told()) == expected, "the requests were not counted")
    found = told()
    spent = found["inference_stats"]
    assert found["execution_count"] <= found["inference_count"]
    assert found["last_inference"] > 1.7e12
    assert spent["success"]["ns"] == pytest.approx(
        spent["queue"]["ns"] + spent["compute_infer"]["ns"], abs=10
    )
    over_grpc = plain(stub.ModelStatistics(pb.ModelStatisticsRequest(name=talk.name)))
    assert counts(over_grpc["model_stats"][0]) == expected
    everyone = plain(stub.ModelStatistics(pb.ModelStatisticsRequest()))["model_stats"]
    assert [one["name"] for one in everyone] == list(MODELS)
    assert counts(everyone[list(MODELS).index(talk.name)]) == expected


@pytest.mark.parametrize("path", ["config", "stats", "versions/another/config"])
def test_nothing_is_told_of_what_is_not_served(server: Server, talk: Talk, path: str) -> None:
    model = talk.name if "another" in path else "nothing"
    response = requests.get(f"{server.url}/v2/models/{model}/{path}", timeout=30)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
