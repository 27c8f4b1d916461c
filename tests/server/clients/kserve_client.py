"""A conversation of KServe's REST and gRPC clients; run in an environment of their own."""

import asyncio
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

URL, ADDRESS = sys.argv[1:3]


def request(*texts: str) -> InferRequest:
    tensor = InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([one.encode() for one in texts], dtype=object), False)
    return InferRequest("topics", [tensor], request_id="abc")


async def over_rest() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    try:
        assert await client.is_server_live(URL)
        assert await client.is_server_ready(URL)
        assert await client.is_model_ready(URL, "topics")
        answer = await client.infer(URL, request("graph networks", "x"), model_name="topics")
        assert answer.id == "abc"
        outputs = {one.name: one for one in answer.outputs}
        assert list(outputs["topic"].shape) == [2]
        assert len(outputs["probability"].data) == 2
    finally:
        await client.close()


async def over_grpc() -> None:
    client = InferenceGRPCClient(ADDRESS)
    try:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("topics")
        answer = await client.infer(request("graph networks", "x"))
        assert {one.name for one in answer.outputs} == {"topic", "probability", "probabilities"}
    finally:
        await client.close()


asyncio.run(over_rest())
asyncio.run(over_grpc())
print("all said")
