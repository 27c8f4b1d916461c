"""A conversation of KServe's REST and gRPC clients; run in an environment of their own."""

import asyncio
import sys
from typing import Any

import numpy as np
import requests
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

from tests.server.clients.said import Said, columns, same

URL, ADDRESS = sys.argv[1:3]
SAID = Said.read()
MODEL = SAID.model
METADATA = requests.get(f"{URL}/v2/models/{MODEL}", timeout=30).json()
OUTPUTS = {one["name"]: one for one in METADATA["outputs"]}


def request(*, binary: bool) -> InferRequest:
    tensors = {one["name"]: (one["datatype"], one["shape"]) for one in METADATA["inputs"]}
    inputs = []
    for name, values in columns(tensors, SAID.records).items():
        tensor = InferInput(name, list(values.shape), tensors[name][0])
        tensor.set_data_from_numpy(values, binary)
        inputs.append(tensor)
    return InferRequest(MODEL, inputs, request_id="abc")


def check(answer: Any) -> None:
    assert answer.id == "abc"
    assert {one.name for one in answer.outputs} == OUTPUTS.keys()
    for one in answer.outputs:
        described = OUTPUTS[one.name]
        shape = [len(SAID.records), *described["shape"][1:]]
        assert list(one.shape) == shape
        labels = described.get("parameters", {}).get("labels", "")
        expected = SAID.expected(one.name, labels)
        assert same(np.reshape(one.as_numpy(), shape), expected), (one.name, one.data)


async def over_rest() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    try:
        assert await client.is_server_live(URL)
        assert await client.is_server_ready(URL)
        assert await client.is_model_ready(URL, MODEL)
        # JSON as its client writes it has no NaN.
        binary = any(value is None for record in SAID.records for value in record.values())
        check(await client.infer(URL, request(binary=binary), model_name=MODEL))
    finally:
        await client.close()


async def over_grpc() -> None:
    client = InferenceGRPCClient(ADDRESS)
    try:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready(MODEL)
        check(await client.infer(request(binary=False)))
    finally:
        await client.close()


asyncio.run(over_rest())
asyncio.run(over_grpc())
print("all said")
