"""A conversation of Triton's HTTP client with the server; run as a process of its own."""

import sys
from typing import Any

from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from tests.server.clients.said import Said, columns, same

SAID = Said.read()
MODEL = SAID.model


def inputs(
    records: list[dict[str, Any]], *, binary: bool, nested: bool = False
) -> list[InferInput]:
    found = []
    for name, values in columns(TENSORS, records).items():
        shaped = values.reshape(len(values), -1) if nested else values
        tensor = InferInput(name, shaped.shape, TENSORS[name][0])
        tensor.set_data_from_numpy(shaped, binary_data=binary)
        found.append(tensor)
    return found


def refusal(client: InferenceServerClient, model: str, *arguments: object) -> str:
    try:
        client.infer(model, *arguments)
    except InferenceServerException as refused:
        return f"{refused.status()} {refused.message()}"
    raise AssertionError("not refused")


with InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert not client.is_model_ready("nothing")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata(MODEL)
    (version,) = metadata["versions"]
    assert client.is_model_ready(MODEL, version)
    TENSORS = {one["name"]: (one["datatype"], one["shape"]) for one in metadata["inputs"]}
    assert TENSORS.keys() == SAID.records[0].keys()
    OUTPUTS = {one["name"]: one for one in metadata["outputs"]}
    assert list(OUTPUTS) == list(SAID.answers[0])

    first, *others = OUTPUTS
    answered = 0
    for binary in (True, False):
        for asked in (
            None,
            [InferRequestedOutput(first, binary_data=not binary)],
            [InferRequestedOutput(name, binary_data=True) for name in OUTPUTS],
        ):
            result = client.infer(
                MODEL,
                inputs(SAID.records, binary=binary, nested=binary),
                model_version=version,
                outputs=asked,
                request_id="abc",
            )
            response = result.get_response()
            assert (response["id"], response["model_version"]) == ("abc", version)
            returned = [first] if asked is not None and len(asked) == 1 else list(OUTPUTS)
            assert [one["name"] for one in response["outputs"]] == returned
            for name in returned:
                labels = OUTPUTS[name].get("parameters", {}).get("labels", "")
                values = result.as_numpy(name)
                assert values.dtype == triton_to_np_dtype(OUTPUTS[name]["datatype"])
                assert values.shape == (len(SAID.records), *OUTPUTS[name]["shape"][1:])
                assert same(values, SAID.expected(name, labels)), (name, values)
                answered += 1
            assert all(result.as_numpy(name) is None for name in OUTPUTS if name not in returned)
    assert answered == 2 * (2 * len(OUTPUTS) + 1)

    config = client.get_model_config(MODEL, version)
    assert [one["name"] for one in config["input"]] == list(TENSORS)
    assert config["max_batch_size"] >= len(SAID.records)
    (statistics,) = client.get_inference_statistics(MODEL)["model_stats"]
    assert statistics["inference_stats"]["success"]["count"] > 0
    assert MODEL in [one["name"] for one in client.get_model_repository_index()]

    for wrong in SAID.wrong:
        for binary in (True, False):
            said = refusal(client, MODEL, inputs(wrong.records, binary=binary))
            assert said.startswith(f"400 inputs.{wrong.field}.1"), (wrong, said)
    valid = inputs(SAID.records, binary=True)
    assert "404 There is no model" in refusal(client, "nothing", valid)
    assert f"404 Model {MODEL} has no version" in refusal(client, MODEL, valid, "another")
print("all said")
