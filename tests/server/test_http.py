"""What HTTP adds to the contract: identity, limits, and the error table's other rows."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bentoml
import httpx
import pytest

from framework import Model
from tests.contract.cases import apis, random_records
from tests.contract.expected import close
from tests.server.asked import BODY, MODEL, MODELS, ROUTE, TEXT_MODEL, body_of, route_of

TOLERANCE = 1e-9
APIS = {api: model for model in MODELS.values() for api in apis(model)}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@pytest.mark.parametrize("api", APIS)
def test_a_prediction_names_its_model_and_request(
    client: httpx.Client, stored_models: dict[str, bentoml.Model], api: str
) -> None:
    model, route = APIS[api], route_of(api)
    body = body_of(model)

    given = client.post(route, json=body, headers={"X-Request-ID": "order-66/a"})
    made = [client.post(route, json=body).headers["X-Request-ID"] for _ in range(2)]

    assert given.status_code == 200
    assert given.headers["X-Model-Tag"] == str(stored_models[model.name].tag)
    assert given.headers["X-Request-ID"] == "order-66/a"
    assert given.headers["Content-Type"] == "application/json"
    assert made[0] != made[1]


def test_a_request_id_that_could_forge_a_log_line_is_replaced(client: httpx.Client) -> None:
    response = client.post(ROUTE, json=BODY, headers={"X-Request-ID": 'a" b'})

    assert response.status_code == 200
    assert response.headers["X-Request-ID"] != 'a" b'


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ROUTE), ("POST", "/nothing"), ("GET", "/models"), ("GET", "/"), ("GET", "/livez")],
)
def test_browsers_are_told_to_be_careful(client: httpx.Client, method: str, path: str) -> None:
    headers = client.request(method, path, json=BODY if method == "POST" else None).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("body", [BODY, {}], ids=["answered", "refused"])
def test_nobody_keeps_a_prediction(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post(ROUTE, json=body).headers["Cache-Control"] == "no-store"


def broken_utf8(model: Model[Any, Any]) -> bytes:
    """A request with a text that is not UTF-8, if possible where a text may be."""
    (field, *_) = [*model.encoder.texts, *model.encoder.names]
    record = {**model.sample[0], field: "broken"}
    return json.dumps(body_of(model, [record])).encode().replace(b"broken", b"\xff")


JSON = {"Content-Type": "application/json"}
SPEAKING = TEXT_MODEL or MODEL
ERRORS: list[tuple[str, str, str, dict[str, Any], int, str]] = [
    (
        "malformed JSON",
        "POST",
        ROUTE,
        {"content": json.dumps(BODY).encode()[:-2], "headers": JSON},
        400,
        "invalid_input",
    ),
    (
        "no body",
        "POST",
        ROUTE,
        {"headers": JSON},
        400,
        "invalid_input",
    ),
    ("not an object", "POST", ROUTE, {"json": [1]}, 400, "invalid_input"),
    (
        "unknown member",
        "POST",
        ROUTE,
        {"json": {**BODY, "no_such_member": 0.1}},
        400,
        "invalid_input",
    ),
    (
        "broken UTF-8",
        "POST",
        route_of(f"predict_{SPEAKING.name}"),
        {"content": broken_utf8(SPEAKING), "headers": JSON},
        400,
        "invalid_input",
    ),
    ("unknown route", "POST", f"/{MODEL.name}/guess", {"json": BODY}, 404, "not_found"),
    ("unknown model", "GET", "/models/no_such_model", {}, 404, "not_found"),
    (
        "unknown filter",
        "GET",
        f"/models/{MODEL.name}/performance?filter=no_such=filter",
        {},
        404,
        "not_found",
    ),
    ("unknown arg", "GET", f"/models/{MODEL.name}/args/no_such_arg", {}, 404, "not_found"),
    ("reading a prediction", "GET", ROUTE, {}, 405, "method_not_allowed"),
    ("writing a model", "PUT", f"/models/{MODEL.name}", {}, 405, "method_not_allowed"),
    (
        "body too large",
        "POST",
        ROUTE,
        {"content": b" " * (16 * 2**20 + 1), "headers": JSON},
        413,
        "payload_too_large",
    ),
    (
        "body too large, in chunks",
        "POST",
        ROUTE,
        {"content": (b" " * 2**20 for _ in range(17)), "headers": JSON},
        413,
        "payload_too_large",
    ),
    ("form", "POST", ROUTE, {"data": {"a": "b"}}, 415, "unsupported_media_type"),
    (
        "pickle",
        "POST",
        ROUTE,
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


@each_model
def test_the_input_is_never_echoed(client: httpx.Client, model: Model[Any, Any]) -> None:
    names = model.encoder.names
    records = [
        dict.fromkeys(names, "secret-" * 2_000),
        {name: [77_347_734] for name in names},
        {**model.sample[0], "no_such_field": "secret"},
    ]

    # An id of its own could happen to have the number in it.
    response = client.post(
        route_of(f"predict_{model.name}"),
        json=body_of(model, records),
        headers={"X-Request-ID": "silent"},
    )

    assert response.status_code == 400
    assert response.json()["detail"]
    assert "secret" not in response.text
    assert "77347734" not in response.text


@each_model
def test_a_request_with_thousands_of_errors_gets_a_short_answer(
    client: httpx.Client, model: Model[Any, Any]
) -> None:
    body = body_of(model, [{}, 1] * 1_000)

    response = client.post(route_of(f"predict_{model.name}"), json=body)

    assert response.status_code == 400
    assert re.search(r" \(and at least \d+ more errors\)$", response.json()["error"])
    assert len(response.json()["detail"]) == 50


@each_model
def test_concurrent_callers_get_their_own_answers(
    client: httpx.Client, model: Model[Any, Any]
) -> None:
    records, route = random_records(model, 200), route_of(f"predict_{model.name}")
    # Texts drawn at random may all say nothing to the model; its sample does.
    records[::4] = [dict(model.sample[0])] * 50
    expected = client.post(route, json=body_of(model, records)).json()
    assert any(answer != expected[0] for answer in expected)

    def predict(record: dict[str, Any]) -> Any:
        return client.post(route, json=body_of(model, [record])).json()[0]

    with ThreadPoolExecutor(16) as pool:
        assert close(list(pool.map(predict, records)), expected, TOLERANCE)


def test_liveness_readiness_and_metrics_answer(client: httpx.Client) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert "bentoml_service_request_total" in client.get("/metrics").text
