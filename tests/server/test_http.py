"""What HTTP adds to the contract: identity, limits, and the error table's other rows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bentoml
import httpx
import pytest

from tests.contract.cases import EMPLOYEE

ONE = {"employees": [EMPLOYEE]}
PREDICTIONS = {
    "/attrition/predict": ("attrition", ONE),
    "/attrition/explain": ("attrition", ONE),
    "/topics/predict": ("topics", {"texts": [{"text": "graph networks"}]}),
}


@pytest.mark.parametrize("route", PREDICTIONS)
def test_a_prediction_names_its_model_and_request(
    client: httpx.Client, stored_models: dict[str, bentoml.Model], route: str
) -> None:
    name, body = PREDICTIONS[route]

    given = client.post(route, json=body, headers={"X-Request-ID": "order-66/a"})
    made = [client.post(route, json=body).headers["X-Request-ID"] for _ in range(2)]

    assert given.status_code == 200
    assert given.headers["X-Model-Tag"] == str(stored_models[name].tag)
    assert given.headers["X-Request-ID"] == "order-66/a"
    assert given.headers["Content-Type"] == "application/json"
    assert made[0] != made[1]


def test_a_request_id_that_could_forge_a_log_line_is_replaced(client: httpx.Client) -> None:
    response = client.post("/attrition/predict", json=ONE, headers={"X-Request-ID": 'a" b'})

    assert response.status_code == 200
    assert response.headers["X-Request-ID"] != 'a" b'


JSON = {"Content-Type": "application/json"}
ERRORS: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    (
        "malformed JSON",
        "POST",
        "/attrition/predict",
        {"content": b'{"employees": [', "headers": JSON},
        400,
        "invalid_input",
    ),
    (
        "no body",
        "POST",
        "/attrition/predict",
        {"headers": JSON},
        400,
        "invalid_input",
    ),
    ("not an object", "POST", "/topics/predict", {"json": [1]}, 400, "invalid_input"),
    (
        "unknown member",
        "POST",
        "/attrition/predict",
        {"json": {**ONE, "threshold": 0.1}},
        400,
        "invalid_input",
    ),
    (
        "broken UTF-8",
        "POST",
        "/topics/predict",
        {"content": b'{"texts": [{"text": "\xff"}]}', "headers": JSON},
        400,
        "invalid_input",
    ),
    ("unknown route", "POST", "/attrition/guess", {"json": ONE}, 404, "not_found"),
    ("unknown model", "GET", "/models/churn", {}, 404, "not_found"),
    (
        "unknown filter",
        "GET",
        "/models/attrition/performance?filter=salary=huge",
        {},
        404,
        "not_found",
    ),
    ("unknown arg", "GET", "/models/topics/args/magic", {}, 404, "not_found"),
    ("reading a prediction", "GET", "/attrition/predict", {}, 405, "method_not_allowed"),
    ("writing a model", "PUT", "/models/attrition", {}, 405, "method_not_allowed"),
    (
        "body too large",
        "POST",
        "/topics/predict",
        {"content": b" " * (16 * 2**20 + 1), "headers": JSON},
        413,
        "payload_too_large",
    ),
    (
        "body too large, in chunks",
        "POST",
        "/topics/predict",
        {"content": (b" " * 2**20 for _ in range(17)), "headers": JSON},
        413,
        "payload_too_large",
    ),
    ("form", "POST", "/attrition/predict", {"data": {"a": "b"}}, 415, "unsupported_media_type"),
    (
        "pickle",
        "POST",
        "/attrition/predict",
        {"content": b"\x80\x04N.", "headers": {"Content-Type": "application/vnd.bentoml+pickle"}},
        415,
        "unsupported_media_type",
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [case[1:] for case in ERRORS],
    ids=[case[0] for case in ERRORS],
)
def test_errors_share_one_envelope(
    client: httpx.Client, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    response = client.request(method, path, **options)

    body = response.json()
    assert (response.status_code, body["code"]) == (status, code)
    assert body.keys() == {"error", "code", "detail", "request_id"}
    assert body["error"]
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert all(item.keys() == {"loc", "msg", "type"} for item in body["detail"])


def test_the_input_is_never_echoed(client: httpx.Client) -> None:
    response = client.post(
        "/topics/predict", json={"texts": [{"text": "secret-" * 2_000}, {"text": 7734}]}
    )

    assert response.status_code == 400
    assert "secret" not in response.text
    assert "7734" not in response.text


def test_a_request_with_thousands_of_errors_gets_a_short_answer(client: httpx.Client) -> None:
    response = client.post("/attrition/predict", json={"employees": [{}] * 1_000})

    assert response.status_code == 400
    assert "(and 8999 more errors)" in response.json()["error"]
    assert len(response.json()["detail"]) == 50


def test_concurrent_callers_get_their_own_answers(client: httpx.Client) -> None:
    employees = [{**EMPLOYEE, "average_monthly_hours": 96 + row} for row in range(200)]
    expected = client.post("/attrition/predict", json={"employees": employees}).json()

    def predict(employee: dict[str, Any]) -> Any:
        return client.post("/attrition/predict", json={"employees": [employee]}).json()[0]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(predict, employees)) == expected


def test_liveness_readiness_and_metrics_answer(client: httpx.Client) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert "bentoml_service_request_total" in client.get("/metrics").text
