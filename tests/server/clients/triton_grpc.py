"""A conversation of Triton's gRPC client with the server; run as a process of its own."""

import asyncio
import sys
from queue import Queue
from typing import Any

from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient as AioClient
from tritonclient.utils import InferenceServerException

from tests.server.clients.said import Said, columns, same

ADDRESS = sys.argv[1]
SAID = Said.read()
MODEL = SAID.model


def inputs(records: list[dict[str, Any]]) -> list[InferInput]:
    found = []
    for name, values in columns(TENSORS, records).items():
        tensor = InferInput(name, values.shape, TENSORS[name][0])
        tensor.set_data_from_numpy(values)
        found.append(tensor)
    return found


def refusal(client: InferenceServerClient, *arguments: object) -> str:
    try:
        client.infer(*arguments)
    except InferenceServerException as refused:
        return f"{refused.status()} {refused.message()}"
    raise AssertionError("not refused")


def is_right(result: Any) -> bool:
    """Whether every output is there, and as expected."""
    return all(
        same(
            result.as_numpy(one.name),
            SAID.expected(one.name, result.get_output(one.name).parameters["labels"].string_param),
        )
        for one in metadata.outputs
    )


with InferenceServerClient(ADDRESS) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.get_server_metadata().name == "model_server"
    metadata = client.get_model_metadata(MODEL)
    TENSORS = {one.name: (one.datatype, list(one.shape)) for one in metadata.inputs}
    assert TENSORS.keys() == SAID.records[0].keys()
    assert [one.name for one in metadata.outputs] == list(SAID.answers[0])
    (version,) = metadata.versions

    result = client.infer(MODEL, inputs(SAID.records), version, request_id="abc")
    assert result.get_response().id == "abc"
    assert result.get_response().model_version == version
    assert is_right(result)
    for one in metadata.outputs:
        assert result.as_numpy(one.name).shape == (len(SAID.records), *one.shape[1:])
    first, *others = (one.name for one in metadata.outputs)
    alone = client.infer(MODEL, inputs(SAID.records), outputs=[InferRequestedOutput(first)])
    assert alone.as_numpy(first) is not None
    assert all(alone.as_numpy(name) is None for name in others)

    config = client.get_model_config(MODEL, version).config
    assert [one.name for one in config.input] == list(TENSORS)
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"
    (statistics,) = client.get_inference_statistics(MODEL).model_stats
    assert statistics.inference_stats.success.count > 0
    assert MODEL in [one.name for one in client.get_model_repository_index().models]

    streamed: Queue[tuple[Any, Any]] = Queue()
    client.start_stream(lambda result, error: streamed.put((result, error)))
    for name in (MODEL, "nothing", MODEL):
        client.async_stream_infer(name, inputs(SAID.records), request_id=name)
    answered, (none, error), again = (streamed.get(timeout=30) for _ in range(3))
    client.stop_stream()
    assert is_right(answered[0])
    assert is_right(again[0])
    assert (answered[1], none, again[1]) == (None, None, None)
    assert "There is no model of this name" in error.message()

    for wrong in SAID.wrong:
        said = refusal(client, MODEL, inputs(wrong.records))
        assert f"INVALID_ARGUMENT inputs.{wrong.field}.1" in said, (wrong, said)
    valid = inputs(SAID.records)
    assert "NOT_FOUND There is no model" in refusal(client, "nothing", valid)
    assert f"NOT_FOUND Model {MODEL} has no version" in refusal(client, MODEL, valid, "another")


async def many() -> None:
    async with AioClient(ADDRESS) as client:
        calls = (client.infer(MODEL, inputs(SAID.records)) for _ in range(20))
        assert all(map(is_right, await asyncio.gather(*calls)))


asyncio.run(many())
print("all said")
