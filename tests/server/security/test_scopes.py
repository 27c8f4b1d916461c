"""What each scope allows, on every protocol, and how a refusal is told."""

import json
import socket
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from openapi_spec_validator import validate

from framework.discovery import find_models
from framework.open_inference import inference_pb2 as pb
from serving.grpc.typed import method_path, methods_of
from tests.server.security.conftest import Locked

GAUGES = find_models("tests.server.toy_models")["gauges"]
BODY = {GAUGES.rows: GAUGES.sample[:1]}
assert GAUGES.descriptor is not None
CONNECT = method_path(next(methods_of([GAUGES.descriptor])))
SERVICE = "/inference.GRPCInferenceService"

HTTP: list[tuple[str, str, str]] = [
    ("gauges:predict", "POST", "/gauges/predict"),
    ("gauges:predict", "POST", CONNECT),
    ("gauges:predict", "POST", "/v2/models/gauges/infer"),
    ("spans:explain", "POST", "/spans/explain"),
    ("gauges:read", "GET", "/models/gauges"),
    ("gauges:read", "GET", "/models/gauges/performance"),
    ("gauges:read", "GET", "/models/gauges/args"),
    ("gauges:read", "GET", "/v2/models/gauges"),
    ("gauges:read", "GET", "/v2/models/gauges/ready"),
    ("gauges:read", "GET", "/v2/models/gauges/config"),
    ("gauges:read", "GET", "/v2/models/gauges/stats"),
    ("models:read", "GET", "/models"),
    ("models:read", "GET", "/models/gauges"),
    ("models:read", "GET", "/v2"),
    ("models:read", "GET", "/v2/models"),
    ("models:read", "GET", "/v2/models/stats"),
    ("models:read", "POST", "/v2/repository/index"),
    ("feedback:write", "POST", "/feedback"),
    ("metrics:read", "GET", "/metrics"),
    ("page:read", "GET", "/"),
    ("page:read", "GET", "/redoc"),
    ("page:read", "GET", "/docs.json"),
    ("page:read", "GET", "/docs-assets/swagger-ui.css"),
    ("greet:call", "POST", "/greet"),
    ("later:call", "GET", "/later/status"),
    ("own:call", "GET", "/own/seen"),
]
MAY_TOO = {"/models/gauges": {"models:read", "gauges:read"}}
"""Reading of every model allows to read of one, and of one, what lists leave of the others."""


def may(scope: str, path: str, needed: str) -> bool:
    """Whether a key with one scope may ask for a path."""
    if needed == "models:read" and path not in MAY_TOO:
        return scope.endswith(":read") and scope not in ("metrics:read", "page:read")
    if needed == "gauges:read" or path in MAY_TOO:
        return scope in ("gauges:read", "models:read")
    return scope == needed


@pytest.mark.parametrize(("needed", "method", "path"), HTTP)
def test_a_scope_allows_what_it_says_and_nothing_else(
    locked: Locked, needed: str, method: str, path: str
) -> None:
    content = json.dumps(BODY).encode() if method == "POST" else None
    with httpx.Client(base_url=locked.server.url, timeout=30) as client:
        allowed = {
            scope
            for scope, key in locked.by_scope.items()
            if client.request(
                method,
                path,
                content=content,
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            ).status_code
            not in (401, 403)
        }

    assert allowed == {scope for scope in locked.by_scope if may(scope, path, needed)}


def get(locked: Locked, path: str, scope: str) -> Any:
    """What a key with one scope is told."""
    headers = {"X-API-Key": locked.by_scope[scope]}
    response = httpx.request(
        "POST" if path.endswith("index") else "GET", locked.server.url + path, headers=headers
    )
    assert response.status_code == 200, response.text
    return response.json()


def test_lists_hold_only_what_a_key_may_see(locked: Locked) -> None:
    assert [one["name"] for one in get(locked, "/models", "gauges:read")] == ["gauges"]
    assert get(locked, "/v2/models", "gauges:read") == {"models": ["gauges"]}
    assert [one["name"] for one in get(locked, "/v2/repository/index", "gauges:read")] == ["gauges"]
    statistics = get(locked, "/v2/models/stats", "gauges:read")["model_stats"]
    assert [one["name"] for one in statistics] == ["gauges"]
    assert len(get(locked, "/models", "models:read")) > 1


def ask(locked: Locked, method: str, message: bytes, key: str = "") -> grpc.RpcError | bytes:
    """Calls a method; returns the answer or the error."""
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    with grpc.insecure_channel(locked.server.grpc) as channel:
        try:
            asked: Any = channel.unary_unary(method)
            answer: bytes = asked(message, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            return error
        return answer


def code(ended: Any) -> grpc.StatusCode:
    """The status of a call."""
    return grpc.StatusCode.OK if isinstance(ended, bytes) else ended.code()


@pytest.mark.parametrize(
    ("method", "message", "allowed"),
    [
        (f"{SERVICE}/ModelMetadata", pb.ModelMetadataRequest(name="gauges"), "gauges:read"),
        (f"{SERVICE}/ModelConfig", pb.ModelConfigRequest(name="gauges"), "gauges:read"),
        (f"{SERVICE}/ModelReady", pb.ModelReadyRequest(name="gauges"), "gauges:read"),
        (f"{SERVICE}/ModelStatistics", pb.ModelStatisticsRequest(name="gauges"), "gauges:read"),
        (f"{SERVICE}/ModelInfer", pb.ModelInferRequest(model_name="gauges"), "gauges:predict"),
        (CONNECT, None, "gauges:predict"),
    ],
)
def test_a_model_that_a_key_may_not_use_is_forbidden_over_grpc(
    locked: Locked, method: str, message: Any, allowed: str
) -> None:
    content = message.SerializeToString() if message else b""
    other = allowed.replace("gauges", "spans")

    assert code(ask(locked, method, content)) is grpc.StatusCode.UNAUTHENTICATED
    forbidden = ask(locked, method, content, locked.by_scope[other])
    assert code(forbidden) is grpc.StatusCode.PERMISSION_DENIED
    let_in = code(ask(locked, method, content, locked.by_scope[allowed]))
    assert let_in in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


def test_what_over_grpc_lists_models_leaves_out_the_others(locked: Locked) -> None:
    key = locked.by_scope["gauges:read"]
    index = ask(locked, f"{SERVICE}/RepositoryIndex", b"", key)
    statistics = ask(locked, f"{SERVICE}/ModelStatistics", b"", key)

    assert isinstance(index, bytes)
    assert isinstance(statistics, bytes)
    assert [one.name for one in pb.RepositoryIndexResponse.FromString(index).models] == ["gauges"]
    told = pb.ModelStatisticsResponse.FromString(statistics).model_stats
    assert [one.name for one in told] == ["gauges"]


def test_a_stream_is_asked_for_its_model_again_and_again(locked: Locked) -> None:
    metadata = (("x-api-key", locked.by_scope["gauges:predict"]),)
    names = ["gauges", "spans"]
    with grpc.insecure_channel(locked.server.grpc) as channel:
        answers = channel.stream_stream(
            f"{SERVICE}/ModelStreamInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelStreamInferResponse.FromString,
        )(iter([pb.ModelInferRequest(model_name=name) for name in names]), metadata=metadata)
        own, other = (answer.error_message for answer in answers)

    assert "spans:predict" in other
    assert "scope" not in own


REFUSALS = [
    ({}, "unauthenticated", 'Bearer realm="model-server"'),
    (
        {"Authorization": "Bearer ms_mistyped"},
        "unauthenticated",
        'Bearer realm="model-server", error="invalid_token"',
    ),
    (
        {"Authorization": "Basic YTpi"},
        "unauthenticated",
        'Bearer realm="model-server", error="invalid_token"',
    ),
    ({"X-API-Key": ""}, "unauthenticated", 'Bearer realm="model-server", error="invalid_token"'),
    (
        {"scope": "spans:predict"},
        "forbidden",
        'Bearer realm="model-server", error="insufficient_scope", scope="gauges:predict"',
    ),
]


@pytest.mark.parametrize(("headers", "code", "challenge"), REFUSALS)
@pytest.mark.parametrize("path", ["/gauges/predict", "/v2/models/gauges/infer", CONNECT])
def test_a_refusal_is_told_in_the_protocols_own_form(
    locked: Locked, path: str, headers: dict[str, str], code: str, challenge: str
) -> None:
    if "scope" in headers:
        headers = {"Authorization": f"bearer {locked.by_scope[headers['scope']]}"}
    response = httpx.post(locked.server.url + path, json=BODY, headers=headers)

    assert response.status_code == {"unauthenticated": 401, "forbidden": 403}[code]
    assert response.headers["www-authenticate"] == challenge
    told = response.json()["code"]
    assert told == ("permission_denied" if path == CONNECT and code == "forbidden" else code)
    assert "x-model-tag" not in response.headers
    assert "x-prediction-id" not in response.headers


@pytest.mark.parametrize("scope", ["", "spans:predict"])
def test_grpc_tells_the_code_of_the_table(locked: Locked, scope: str) -> None:
    ended = ask(locked, CONNECT, b"", locked.by_scope[scope] if scope else "")

    status = rpc_status.from_call(ended)
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == ("forbidden" if scope else "unauthenticated")
    assert isinstance(ended, grpc.RpcError)
    trailers = {one.key for one in ended.trailing_metadata()}
    assert "x-request-id" in trailers
    assert not trailers & {"x-model-tag", "x-prediction-id"}


@pytest.mark.parametrize("path", ["/gauges/predict", "/greet", "/feedback", CONNECT])
def test_a_stranger_is_refused_before_the_body_is_read(locked: Locked, path: str) -> None:
    host, _, port = locked.server.url.removeprefix("http://").partition(":")
    head = (
        f"POST {path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
        "expect: 100-continue\r\ncontent-length: 16000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_stranger_is_refused_before_a_message_is_read(locked: Locked) -> None:
    # With a key, it would be refused for its size.
    too_large = b"\0" * (17 * 2**20)

    assert code(ask(locked, CONNECT, too_large)) is grpc.StatusCode.UNAUTHENTICATED
    with_key = ask(locked, CONNECT, too_large, locked.everything)
    assert code(with_key) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_callers_are_counted_by_the_ids_of_their_keys(locked: Locked) -> None:
    key = locked.by_scope["gauges:predict"]
    headers = {"X-API-Key": key}
    httpx.post(f"{locked.server.url}/gauges/predict", json=BODY, headers=headers)

    metrics = httpx.get(
        f"{locked.server.url}/metrics", headers={"X-API-Key": locked.everything}
    ).text
    assert f'model_server_caller_requests_total{{caller="{key.split("_")[1]}"}}' in metrics
    assert not [one for one in locked.keys.made if one in metrics]


def test_the_document_tells_how_to_show_a_key_and_where_none_is_needed(locked: Locked) -> None:
    document = httpx.get(
        f"{locked.server.url}/docs.json", headers={"X-API-Key": locked.by_scope["page:read"]}
    ).json()

    validate(document)
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{"bearer": []}, {"key": []}]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert (schemes["key"]["in"], schemes["key"]["name"]) == ("header", "X-API-Key")
    public = {
        path
        for path, operations in document["paths"].items()
        if all(one.get("security") == [] for one in operations.values())
    }
    assert public == {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}


def test_the_document_tells_how_whoever_is_not_let_in_is_refused(locked: Locked) -> None:
    document = httpx.get(
        f"{locked.server.url}/docs.json", headers={"X-API-Key": locked.by_scope["page:read"]}
    ).json()

    for path, operations in document["paths"].items():
        for name, operation in operations.items():
            told = {"401", "403", "429"} <= operation["responses"].keys()
            assert told is (operation.get("security") != []), (path, name)
    refused = document["paths"]["/gauges/predict"]["post"]["responses"]["401"]
    schema = refused["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ErrorBody"}
