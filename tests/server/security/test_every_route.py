"""Deny by default: nothing that can be asked answers without a key, but for a few probes."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import bentoml
import grpc
import httpx
import pytest
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from httpx_ws import AsyncWebSocketSession, WebSocketUpgradeError, aconnect_ws
from starlette.routing import Mount, Route, WebSocketRoute

from tests.plugin import pinned
from tests.server.security.conftest import Locked

PUBLIC = {"/livez", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
"""All that anybody may ask over HTTP."""

PUBLIC_METHODS = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
}
"""All that anybody may ask over gRPC."""

UNKNOWN = [
    "/nothing",
    "/models/",
    "//models",
    "/livez/",
    "/livez/../models",
    "/livez%2f..%2fmodels",
    "/%6dodels",
    "/LIVEZ",
    "/readyz;/models",
    "/v2/health/live/../../models",
    "/docs",
    "/static_content/index.html",
    "/own",
    "/own/",
    "/grpc.health.v1.Health/Check",
    "/inference.GRPCInferenceService/ServerLive",
]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
VALUES = {"model": "gauges", "name": "gauges", "arg": "any", "version": "1", "path": "some.js"}


def routes(of: Any, prefix: str = "") -> Iterator[str]:
    """Every path of an application and of those mounted in it, parameters filled in."""
    for route in of:
        if isinstance(route, Mount):
            below = getattr(route.app, "routes", None)
            if below:
                yield from routes(below, prefix + route.path)
            else:
                yield f"{prefix}{route.path}/some.js"
        elif isinstance(route, Route | WebSocketRoute):
            yield prefix + re.sub(r"\{(\w+)(:\w+)?\}", lambda one: VALUES[one[1]], route.path)


@pytest.fixture(scope="module")
def paths(toy_models: dict[str, bentoml.Model]) -> list[str]:
    """Every path that the application has a route for."""
    with pinned(toy_models):
        from tests.server.security.guarded import Guarded

        gateway = Guarded.to_asgi()
    tags = [one.tag for one in toy_models.values()]
    infer = [f"/v2/models/{tag.name}/versions/{tag.version}/infer" for tag in tags]
    return sorted({*routes(gateway._app.routes), *infer})


def test_the_walk_sees_what_there_is(paths: list[str]) -> None:
    expected = {"/gauges/predict", "/greet", "/later/submit", "/own/seen", "/own/talk", "/metrics"}

    assert expected | PUBLIC | {"/", "/docs.json", "/schema.json", "/feedback"} <= set(paths)
    assert "/toy.gauges.v1.GaugesService/Predict" in paths or any("Service/" in p for p in paths)


def test_no_path_answers_without_a_key(locked: Locked, paths: list[str]) -> None:
    answered = {}
    with httpx.Client(base_url=locked.server.url, timeout=30) as client:
        for path in [*paths, *UNKNOWN]:
            for method in METHODS:
                response = client.request(method, path, follow_redirects=False)
                if path in PUBLIC:
                    continue
                told = response.headers.get("www-authenticate")
                if response.status_code != 401 or told != 'Bearer realm="model-server"':
                    answered[method, path] = response.status_code
                assert "x-model-tag" not in response.headers

    assert answered == {}


def test_the_probes_answer_anybody(locked: Locked) -> None:
    with httpx.Client(base_url=locked.server.url, timeout=30) as client:
        assert {path: client.get(path).status_code for path in PUBLIC} == dict.fromkeys(PUBLIC, 200)


def test_no_websocket_opens_without_a_key(locked: Locked) -> None:
    async def talk(**headers: str) -> str:
        url = f"{locked.server.url}/own/talk"
        socket: AsyncWebSocketSession
        async with (
            httpx.AsyncClient() as client,
            aconnect_ws(url, client, headers=headers) as socket,
        ):
            text: str = await socket.receive_text(timeout=10)
            return text

    with pytest.raises(WebSocketUpgradeError) as refused:
        asyncio.run(talk())
    with pytest.raises(WebSocketUpgradeError) as forbidden:
        asyncio.run(talk(authorization=f"Bearer {locked.by_scope['gauges:predict']}"))

    assert refused.value.response.status_code == 401
    assert forbidden.value.response.status_code == 403
    assert asyncio.run(talk(authorization=f"Bearer {locked.everything}")) == "a secret"


@pytest.fixture(scope="module")
def methods(locked: Locked) -> list[str]:
    """Every method that reflection tells of."""
    metadata = (("authorization", f"Bearer {locked.everything}"),)
    with grpc.intercept_channel(
        grpc.insecure_channel(locked.server.grpc), _With(metadata)
    ) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        return sorted(
            f"/{name}/{method.name}"
            for name in database.get_services()
            for method in pool.FindServiceByName(name).methods
        )


class _With(grpc.StreamStreamClientInterceptor):
    """Sends metadata along."""

    def __init__(self, metadata: Any) -> None:
        self._metadata = metadata

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        details = details._replace(metadata=self._metadata)
        return continuation(details, requests)


def call(server: str, method: str, *metadata: tuple[str, str]) -> grpc.StatusCode:
    """Calls a method with an empty message; returns how it ended."""
    with grpc.insecure_channel(server) as channel:
        asked: Any = channel.stream_stream(method)
        answers = asked(iter([b""]), timeout=10, metadata=metadata)
        try:
            next(answers, None)
        except grpc.RpcError as error:
            return error.code()
        answers.cancel()
        return grpc.StatusCode.OK


def test_no_method_answers_without_a_key(locked: Locked, methods: list[str]) -> None:
    unknown = [
        "/nothing/At",
        "/inference.GRPCInferenceService/Nothing",
        "/grpc.health.v1.Health/No",
    ]
    ended = {one: call(locked.server.grpc, one) for one in [*methods, *unknown]}

    assert set(methods) >= PUBLIC_METHODS
    public = dict.fromkeys(PUBLIC_METHODS, grpc.StatusCode.OK)
    assert ended == dict.fromkeys(ended, grpc.StatusCode.UNAUTHENTICATED) | public
