"""The Open Inference Protocol over HTTP: what its document promises."""

import json
from concurrent.futures import ThreadPoolExecutor

import bentoml
import numpy as np
import pytest
import requests

from deploy.processes import wait_until
from framework.fields import FieldSpec
from framework.open_inference.tensors import BYTES, DTYPES
from tests.contract.cases import random_records
from tests.contract.columns import BinaryColumns, ColumnSurface, GrpcColumns, JsonColumns
from tests.contract.expected import close
from tests.contract.surfaces import GrpcSurface, HttpSurface, Surface
from tests.processes import Server
from tests.server.talk import Talk, Tensor, as_binary, ask, framed, get, listed, raw

TOLERANCE = 1e-12


def test_the_server_and_its_health(server: Server) -> None:
    assert get(server, "/v2") == get(server, "/v2/")
    assert "binary_tensor_data" in get(server, "/v2")["extensions"]
    assert get(server, "/v2/health/live") == {"live": True}
    assert get(server, "/v2/health/ready") == {"ready": True}


def described(field: FieldSpec) -> Tensor:
    """A field of a record as a model tells it."""
    kind = field.kind
    if kind == "category":
        kind = "text" if type(field.categories[0]) is str else "int"
    datatype = {"text": BYTES, "float": "FP64", "int": "INT64", "bool": "BOOL"}[kind]
    # Of the numbers, only those of this datatype can be missing.
    datatype = "FP64" if field.nullable and datatype != BYTES else datatype
    shape = [-1] if field.length is None else [-1, field.length]
    return {"name": field.name, "datatype": datatype, "shape": shape, "parameters": {}}


def test_a_model_tells_its_tensors(
    server: Server, talk: Talk, stored_models: dict[str, bentoml.Model]
) -> None:
    version = stored_models[talk.name].tag.version
    metadata = talk.metadata

    assert metadata == get(server, f"/v2/models/{talk.name}/versions/{version}")
    assert (metadata["name"], metadata["versions"]) == (talk.name, [version])
    assert metadata["inputs"] == [described(field) for field in talk.model.encoder.fields]
    assert list(talk.outputs) == list(talk.answer)
    for name, value in talk.answer.items():
        shape, labels = talk.outputs[name]["shape"], None
        if isinstance(value, dict):
            labels = ",".join(value)
        assert talk.outputs[name]["parameters"].get("labels") == labels
        assert shape == ([-1, len(value)] if isinstance(value, (dict, list)) else [-1])
    ready = {"name": talk.name, "ready": True}
    assert get(server, f"/v2/models/{talk.name}/ready") == ready
    assert get(server, f"/v2/models/{talk.name}/versions/{version}/ready")["ready"]


@pytest.mark.parametrize(
    "path",
    ["", "/ready", "/versions/another", "/versions/another/ready", "/versions/another/infer"],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_what_is_not_there_is_not_found(
    server: Server, talk: Talk, is_known: bool, path: str
) -> None:
    model = talk.name if is_known else "nothing"
    if is_known and "another" not in path:
        model = "nothing/at/all"
    url = f"{server.url}/v2/models/{model}{path}"
    response = (
        requests.post(url, json={"inputs": talk.inputs()}, timeout=30)
        if "infer" in path
        else (requests.get(url, timeout=30))
    )

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_answers_name_the_model_and_the_request(
    server: Server, talk: Talk, stored_models: dict[str, bentoml.Model]
) -> None:
    tag = stored_models[talk.name].tag
    wanted = list(talk.outputs)[-1]
    response = requests.post(
        f"{server.url}/v2/models/{talk.name}/versions/{tag.version}/infer",
        json.dumps({"inputs": talk.inputs(), "id": "mine", "outputs": [{"name": wanted}]}),
        headers={"X-Request-ID": "known"},
        timeout=30,
    )

    answer = response.json()
    assert (answer["id"], answer["model_name"]) == ("mine", talk.name)
    assert answer["model_version"] == tag.version
    (output,) = answer["outputs"]
    assert output["name"] == wanted
    is_text = output["datatype"] == BYTES
    text = {"content_type": "str"} if is_text else {}
    assert output.get("parameters", {}) == {**talk.outputs[wanted]["parameters"], **text}
    assert response.headers["X-Model-Tag"] == str(tag)
    assert response.headers["X-Request-ID"] == "known"


def test_mlservers_convention_for_tables(server: Server, talk: Talk) -> None:
    inputs = talk.inputs(nested=True)
    for one in inputs:
        if one["datatype"] == BYTES:
            one["parameters"] = {"content_type": "str"}
    response = ask(server, {"parameters": {"content_type": "pd"}, "inputs": inputs}, talk.name)

    assert response.status_code == 200, response.text
    outputs = response.json()["outputs"]
    assert talk.is_right(outputs)
    assert all(
        one["parameters"]["content_type"] == "str" for one in outputs if one["datatype"] == BYTES
    )


def test_json_in_binary_out_and_the_other_way_round(server: Server, talk: Talk) -> None:
    inputs = talk.inputs()
    sent = b"".join(map(raw, inputs))
    body, headers = framed([as_binary(one) for one in inputs], sent)
    answered = ask(server, body, talk.name, **headers).json()
    number = next(name for name, one in talk.outputs.items() if one["datatype"] != BYTES)
    others = [name for name in talk.outputs if name != number]
    wanted = [
        {"name": number, "parameters": {"binary_data": True}},
        *({"name": name} for name in others),
    ]
    response = ask(server, {"inputs": inputs, "outputs": wanted}, talk.name)

    length = int(response.headers["Inference-Header-Content-Length"])
    head, content = json.loads(response.content[:length]), response.content[length:]
    first, *rest = head["outputs"]
    assert talk.is_right(answered["outputs"])
    outputs = {one["name"]: one for one in answered["outputs"]}
    numbers = np.frombuffer(content, DTYPES[first["datatype"]])
    assert first["name"] == number
    assert numbers.tolist() == listed(outputs[number]).ravel().tolist()
    assert first["parameters"]["binary_data_size"] == numbers.nbytes
    assert [one["name"] for one in rest] == others
    assert [one["data"] for one in rest] == [outputs[name]["data"] for name in others]


def test_requests_are_counted_by_template_and_model(server: Server, talk: Talk) -> None:
    ask(server, {"inputs": talk.inputs()}, talk.name)

    def counted() -> list[str]:
        text = requests.get(server.url + "/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if "/v2/models" in line]
        return [line for line in lines if line.startswith("model_server_requests_total{")]

    # Each worker hands its counts on twice a second.
    wait_until(
        lambda: any(
            f'model="{talk.name}:' in line and 'status="200"' in line for line in counted()
        ),
        10,
        "the request was not counted",
    )
    assert not any("nothing" in line for line in counted())


def test_all_surfaces_at_once_give_everybody_their_own(server: Server, talk: Talk) -> None:
    surfaces: list[Surface | ColumnSurface] = [
        HttpSurface(server.url),
        GrpcSurface(server.grpc),
        JsonColumns(server.url),
        BinaryColumns(server.url),
        GrpcColumns(server.grpc, raw=True),
        GrpcColumns(server.grpc, raw=False),
    ]
    api = f"predict_{talk.name}"
    records = random_records(talk.model, 6)
    expected = HttpSurface(server.url).call(api, records)

    def own(number: int) -> bool:
        start, stop = number % len(records), len(records) - number % 3
        start = min(start, stop - 1)
        asked = surfaces[number % len(surfaces)]
        return close(asked.call(api, records[start:stop]), expected[start:stop], TOLERANCE)

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(own, range(240)))
