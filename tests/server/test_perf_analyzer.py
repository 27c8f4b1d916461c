"""What Triton's `perf_analyzer`, which is on no package index, asks before, in and after a run."""

import json
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from tests.processes import Server
from tests.server.talk import Talk, Tensor, as_binary, ask, get, raw
from tests.server.watching import wait

BATCH, REQUESTS = 4, 5
COUNTED = (
    *("success", "queue", "compute_input", "compute_infer", "compute_output"),
    *("cache_hit", "cache_miss"),
)


class OverHttp:
    """Asks over HTTP, tensors as binary data both ways."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def extensions(self) -> list[str]:
        found: list[str] = get(self._server, "/v2")["extensions"]
        return found

    def model(self, name: str, what: str = "") -> Any:
        """Metadata, `config` or `stats` of a model."""
        return get(self._server, f"/v2/models/{name}" + (what and f"/{what}"))

    def infer(self, name: str, inputs: list[Tensor], outputs: list[str]) -> dict[str, int]:
        """Returns the bytes of each output."""
        asked = [{"name": one, "parameters": {"binary_data": True}} for one in outputs]
        message = {"id": "1", "inputs": list(map(as_binary, inputs)), "outputs": asked}
        head = json.dumps(message).encode()
        response = ask(
            self._server,
            head + b"".join(map(raw, inputs)),
            name,
            **{
                "Content-Type": "application/octet-stream",
                "Inference-Header-Content-Length": str(len(head)),
            },
        )
        assert response.status_code == 200, response.text
        length = int(response.headers["Inference-Header-Content-Length"])
        answer = json.loads(response.content[:length])
        assert answer["id"] == "1"
        sizes = {one["name"]: one["parameters"]["binary_data_size"] for one in answer["outputs"]}
        assert sum(sizes.values()) == len(response.content) - length
        return sizes


class OverGrpc:
    """Asks over gRPC, tensors raw; it prints messages as JSON, and reads that."""

    def __init__(self, server: Server) -> None:
        self._stub: Any = GRPCInferenceServiceStub(grpc.insecure_channel(server.grpc))

    def extensions(self) -> list[str]:
        return list(self._stub.ServerMetadata(pb.ServerMetadataRequest()).extensions)

    def model(self, name: str, what: str = "") -> Any:
        """Metadata, `config` or `stats` of a model."""
        if what == "config":
            return _printed(self._stub.ModelConfig(pb.ModelConfigRequest(name=name)))["config"]
        if what == "stats":
            return _printed(self._stub.ModelStatistics(pb.ModelStatisticsRequest(name=name)))
        return _printed(self._stub.ModelMetadata(pb.ModelMetadataRequest(name=name)))

    def infer(self, name: str, inputs: list[Tensor], outputs: list[str]) -> dict[str, int]:
        """Returns the bytes of each output."""
        answer = self._stub.ModelInfer(
            pb.ModelInferRequest(
                model_name=name,
                id="1",
                inputs=[{key: one[key] for key in ("name", "datatype", "shape")} for one in inputs],
                outputs=[{"name": one} for one in outputs],
                raw_input_contents=list(map(raw, inputs)),
            )
        )
        assert answer.id == "1"
        sizes = map(len, answer.raw_output_contents)
        return dict(zip([one.name for one in answer.outputs], sizes, strict=True))


def _printed(message: Message) -> Any:
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _statistics(client: OverHttp | OverGrpc, name: str) -> dict[str, int]:
    """Everything that it reads of a model's statistics; each is a number not below zero."""
    (found,) = client.model(name, "stats")["model_stats"]
    assert found["name"] == name
    assert found["version"]
    numbers = {key: found[key] for key in ("inference_count", "execution_count")}
    for one in COUNTED:
        for key in ("count", "ns"):
            numbers[f"{one}.{key}"] = found["inference_stats"][one][key]
    whole = {key: int(value) for key, value in numbers.items()}
    assert min(whole.values()) >= 0
    return whole


@pytest.mark.parametrize("protocol", [OverHttp, OverGrpc])
def test_a_run_from_the_models_configuration_to_its_statistics(
    server: Server, talk: Talk, protocol: type[OverHttp | OverGrpc]
) -> None:
    client = protocol(server)
    assert "statistics" in client.extensions()
    metadata, config = client.model(talk.name), client.model(talk.name, "config")
    # By them it takes the model for one of batches, whose first dimension is not the tensor's own.
    assert "dynamic_batching" in config
    assert int(config["max_batch_size"]) >= BATCH
    for told, tensors in (("input", "inputs"), ("output", "outputs")):
        assert [one["name"] for one in config[told]] == [one["name"] for one in metadata[tensors]]
    own = {one["name"]: list(map(int, one["shape"]))[1:] for one in metadata["inputs"]}
    inputs = [{**one, "shape": [BATCH, *own[one["name"]]]} for one in talk.inputs(BATCH)]
    outputs = [one["name"] for one in metadata["outputs"]]

    before = _statistics(client, talk.name)
    for _ in range(REQUESTS):
        sizes = client.infer(talk.name, inputs, outputs)
        assert list(sizes) == outputs
        assert min(sizes.values()) > 0

    def counted() -> dict[str, int]:
        after = _statistics(client, talk.name)
        return {key: after[key] - before[key] for key in before}

    def all_counted() -> bool:
        # Each worker hands its counts on twice a second: some of them may be of earlier tests.
        found = counted()
        return (
            found["success.count"] >= REQUESTS
            and found["inference_count"] >= REQUESTS * BATCH
            and found["execution_count"] > 0
        )

    wait(all_counted, "the requests were not counted")
    assert counted()["success.ns"] > 0
