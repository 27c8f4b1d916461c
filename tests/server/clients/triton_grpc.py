"""A conversation of Triton's gRPC client with the server; run as a process of its own."""

import asyncio
import sys

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient as AioClient
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]


def text(*texts: str) -> InferInput:
    tensor = InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([one.encode() for one in texts], dtype=object))
    return tensor


def refusal(client: InferenceServerClient, *arguments: object) -> str:
    try:
        client.infer(*arguments)
    except InferenceServerException as refused:
        return f"{refused.status()} {refused.message()}"
    raise AssertionError("not refused")


with InferenceServerClient(ADDRESS) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("topics")
    assert client.get_server_metadata().name == "model_server"
    metadata = client.get_model_metadata("topics")
    assert [(one.name, one.datatype) for one in metadata.inputs] == [("text", "BYTES")]
    (version,) = metadata.versions

    result = client.infer("topics", [text("graph networks", "日本語")], version, request_id="abc")
    assert result.get_response().id == "abc"
    assert result.get_response().model_version == version
    assert result.as_numpy("topic").shape == (2,)
    shapes = {one.name: list(one.shape) for one in metadata.outputs}
    assert result.as_numpy("probabilities").shape == (2, shapes["probabilities"][1])
    one = client.infer("topics", [text("x")], outputs=[InferRequestedOutput("topic")])
    assert one.as_numpy("probability") is None

    assert "INVALID_ARGUMENT inputs.text.1: " in refusal(client, "topics", [text("x", "")])
    assert "NOT_FOUND There is no model" in refusal(client, "nothing", [text("x")])
    assert "NOT_FOUND Model topics has no version" in refusal(
        client, "topics", [text("x")], "another"
    )
    alone = result.as_numpy("probabilities")[0]


async def many() -> None:
    async with AioClient(ADDRESS) as client:
        for answer in await asyncio.gather(
            *(client.infer("topics", [text("graph networks")]) for _ in range(20))
        ):
            assert np.allclose(answer.as_numpy("probabilities")[0], alone, rtol=0, atol=1e-12)


asyncio.run(many())
print("all said")
