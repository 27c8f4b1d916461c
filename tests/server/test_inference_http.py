"""The Open Inference Protocol over HTTP: what its document promises, and what it refuses."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bentoml
import numpy as np
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from deploy.processes import wait_until
from serving.open_inference.tensors import encode
from tests.contract.cases import EMPLOYEE, EMPLOYEES
from tests.contract.columns import BinaryColumns, ColumnSurface, GrpcColumns, JsonColumns
from tests.contract.surfaces import GrpcSurface, HttpSurface, Surface
from tests.processes import Server

TEXT = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["graph networks"]}


def ask(server: Server, body: Any, model: str = "topics", **headers: str) -> requests.Response:
    """Posts a body, as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(
        f"{server.url}/v2/models/{model}/infer", content, headers=headers, timeout=30
    )


def get(server: Server, path: str) -> Any:
    response = requests.get(server.url + path, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_server_and_its_health(server: Server) -> None:
    assert get(server, "/v2") == get(server, "/v2/")
    assert get(server, "/v2")["extensions"] == ["binary_tensor_data"]
    assert get(server, "/v2/health/live") == {"live": True}
    assert get(server, "/v2/health/ready") == {"ready": True}


def test_a_model_tells_its_tensors(server: Server, stored_models: dict[str, bentoml.Model]) -> None:
    version = stored_models["topics"].tag.version
    metadata = get(server, "/v2/models/topics")

    assert metadata == get(server, f"/v2/models/topics/versions/{version}")
    assert (metadata["name"], metadata["versions"]) == ("topics", [version])
    assert metadata["inputs"] == [
        {"name": "text", "datatype": "BYTES", "shape": [-1], "parameters": {}}
    ]
    outputs = {one["name"]: one for one in metadata["outputs"]}
    labels = outputs["probabilities"]["parameters"]["labels"].split(",")
    assert outputs["probabilities"]["shape"] == [-1, len(labels)]
    assert get(server, "/v2/models/topics/ready") == {"name": "topics", "ready": True}
    assert get(server, f"/v2/models/topics/versions/{version}/ready")["ready"]


@pytest.mark.parametrize(
    "path",
    ["", "/ready", "/versions/another", "/versions/another/ready", "/versions/another/infer"],
)
@pytest.mark.parametrize("model", ["nothing", "topics"])
def test_what_is_not_there_is_not_found(server: Server, model: str, path: str) -> None:
    if model == "topics" and "another" not in path:
        model = "nothing/at/all"
    url = f"{server.url}/v2/models/{model}{path}"
    response = (
        requests.post(url, json={"inputs": [TEXT]}, timeout=30)
        if "infer" in path
        else (requests.get(url, timeout=30))
    )

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_answers_name_the_model_and_the_request(
    server: Server, stored_models: dict[str, bentoml.Model]
) -> None:
    tag = stored_models["topics"].tag
    response = requests.post(
        f"{server.url}/v2/models/topics/versions/{tag.version}/infer",
        json={"inputs": [TEXT], "id": "mine", "outputs": [{"name": "topic"}]},
        headers={"X-Request-ID": "known"},
        timeout=30,
    )

    answer = response.json()
    assert (answer["id"], answer["model_name"]) == ("mine", "topics")
    assert answer["model_version"] == tag.version
    assert [one["name"] for one in answer["outputs"]] == ["topic"]
    assert answer["outputs"][0]["parameters"] == {"content_type": "str"}
    assert response.headers["X-Model-Tag"] == str(tag)
    assert response.headers["X-Request-ID"] == "known"


def test_mlservers_convention_for_tables(server: Server) -> None:
    def column(name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, str):
            text = {"parameters": {"content_type": "str"}}
            return {"name": name, "datatype": "BYTES", "shape": [1, 1], "data": [value], **text}
        datatype = "FP64" if isinstance(value, float) else "INT64"
        return {"name": name, "datatype": datatype, "shape": [1, 1], "data": [value]}

    response = ask(
        server,
        {
            "parameters": {"content_type": "pd"},
            "inputs": [column(name, value) for name, value in EMPLOYEE.items()],
        },
        "attrition",
    )

    assert response.status_code == 200, response.text
    outputs = {one["name"]: one["data"] for one in response.json()["outputs"]}
    (expected,) = HttpSurface(server.url).call("predict_attrition", [EMPLOYEE])
    assert {name: values[0] for name, values in outputs.items()} == expected


RAW = encode(np.array(["graph networks"], dtype=object), "BYTES")
BINARY = {**TEXT, "parameters": {"binary_data_size": len(RAW)}}
del BINARY["data"]


def binary(head: dict[str, Any], raw: bytes = RAW) -> tuple[bytes, dict[str, str]]:
    """A body of JSON and raw tensors, and its header."""
    encoded = json.dumps(head).encode()
    return encoded + raw, {"Inference-Header-Content-Length": str(len(encoded))}


def test_json_in_binary_out_and_the_other_way_round(server: Server) -> None:
    body, headers = binary({"inputs": [BINARY]})
    listed = ask(server, body, **headers).json()
    wanted = [{"name": "probability", "parameters": {"binary_data": True}}, {"name": "topic"}]
    response = ask(server, {"inputs": [TEXT], "outputs": wanted})

    length = int(response.headers["Inference-Header-Content-Length"])
    probability, topic = json.loads(response.content[:length])["outputs"]
    outputs = {one["name"]: one["data"] for one in listed["outputs"]}
    assert np.frombuffer(response.content[length:], "<f8").tolist() == outputs["probability"]
    assert probability["parameters"]["binary_data_size"] == 8
    assert topic["data"] == outputs["topic"]


@pytest.mark.parametrize(
    ("body", "headers", "sentence"),
    [
        (b"{", {}, "Invalid JSON"),
        (b"", {}, "Invalid JSON"),
        (b"[]", {}, "Input should be an object"),
        ({"inputs": []}, {}, "inputs: List should have at least 1 item"),
        ({"inputs": [{**TEXT, "datatype": "STRING"}]}, {}, "inputs.0.datatype: Input should be"),
        ({"inputs": [{**TEXT, "shape": [-1]}]}, {}, "inputs.0.shape.0: Input should be greater"),
        ({"inputs": [{**TEXT, "data": None}]}, {}, "inputs.text: Give either data or parameters"),
        ({"inputs": [{**BINARY, "data": ["x"]}]}, {}, "inputs.text: Give either data or"),
        ({"inputs": [BINARY]}, {}, "add up to 18, but 0 bytes follow"),
        ({"inputs": [TEXT, TEXT]}, {}, "inputs.text: The input is given more than once"),
        ({"inputs": [TEXT], "outputs": [{"name": "mood"}]}, {}, "outputs.mood: There is no output"),
        (
            {"inputs": [TEXT], "outputs": [{"name": "topic", "parameters": {"classification": 1}}]},
            {},
            "topic.parameters: classification is not supported",
        ),
        (b"{}", {"Inference-Header-Content-Length": "3"}, "must be from 0 to 2"),
        (b"{}", {"Inference-Header-Content-Length": "-1"}, "must be from 0 to 2"),
        (*binary({"inputs": [BINARY]}, RAW + b"x"), "add up to 18, but 19 bytes follow"),
        (*binary({"inputs": [BINARY]}, RAW[:-1]), "add up to 18, but 17 bytes follow"),
    ],
)
def test_what_is_wrong_is_named(
    server: Server, body: Any, headers: dict[str, str], sentence: str
) -> None:
    response = ask(server, body, **headers)

    answer = response.json()
    assert (response.status_code, answer["code"]) == (400, "invalid_input")
    assert sentence in answer["error"]


@pytest.mark.parametrize("content_type", ["application/x-pickle", "text/plain"])
def test_other_content_types_are_refused(server: Server, content_type: str) -> None:
    response = ask(server, {"inputs": [TEXT]}, **{"Content-Type": content_type})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_too_many_rows_are_refused_for_their_number(server: Server) -> None:
    body = {"inputs": [{**TEXT, "shape": [10_001], "data": ["x"] * 10_001}]}
    response = ask(server, body)

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


def test_requests_are_counted_by_template_and_model(server: Server) -> None:
    ask(server, {"inputs": [TEXT]})

    def counted() -> list[str]:
        text = requests.get(server.url + "/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if "/v2/models" in line]
        return [line for line in lines if line.startswith("model_server_requests_total{")]

    # Each worker hands its counts on twice a second.
    wait_until(
        lambda: any('model="topics:' in line and 'status="200"' in line for line in counted()),
        10,
        "the request was not counted",
    )
    assert not any("nothing" in line for line in counted())


def test_all_surfaces_at_once_give_everybody_their_own(server: Server) -> None:
    surfaces: list[Surface | ColumnSurface] = [
        HttpSurface(server.url),
        GrpcSurface(server.grpc),
        JsonColumns(server.url),
        BinaryColumns(server.url),
        GrpcColumns(server.grpc, raw=True),
        GrpcColumns(server.grpc, raw=False),
    ]
    expected = HttpSurface(server.url).call("predict_attrition", EMPLOYEES)

    def own(number: int) -> bool:
        start, stop = number % len(EMPLOYEES), len(EMPLOYEES) - number % 3
        start = min(start, stop - 1)
        asked = surfaces[number % len(surfaces)]
        answers = asked.call("predict_attrition", EMPLOYEES[start:stop])
        return answers == expected[start:stop]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(own, range(240)))


OPERATIONS = [
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/{model}"),
    ("GET", "/v2/models/{model}/ready"),
    ("POST", "/v2/models/{model}/infer"),
    ("GET", "/v2/models/{model}/versions/{version}"),
    ("GET", "/v2/models/{model}/versions/{version}/ready"),
    ("POST", "/v2/models/{model}/versions/{version}/infer"),
]


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    """The OpenAPI document of `/v2`."""
    return schemathesis.openapi.from_url(f"{server.url}/docs.json").include(path_regex="^/v2")


def test_every_operation_is_exercised(document: Any) -> None:
    documented = [result.ok() for result in document.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in documented} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_document_is_kept(document: Any, method: str, path: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy())
    def exercise(case: Any) -> None:
        if "model" in (case.path_parameters or {}):
            case.path_parameters["model"] = "topics"
        # A schema cannot say that shape, datatype and values must agree.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    exercise()
