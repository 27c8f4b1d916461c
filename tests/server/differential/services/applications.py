"""Services with applications and middleware of the author's own around them."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import bentoml
from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.server.differential.services import Decorate, Kind, get, post

Next = Callable[[Request], Awaitable[Response]]


def fastapi_app() -> FastAPI:
    """An application that fails in FastAPI's ways."""
    app = FastAPI()

    @app.get("/items/{number}")
    def item(number: int) -> dict[str, int]:
        if number == 404:
            raise HTTPException(404, {"number": number, "known": [1, 2]})
        if number > 404:
            raise HTTPException(number, "a reason of my own", headers={"X-Reason": "mine"})
        return {"number": number}

    @app.post("/items")
    def add(item: dict[str, int]) -> dict[str, int]:
        return item

    @app.get("/crash")
    def crash() -> None:
        raise LookupError("a secret of the implementation")

    @app.exception_handler(KeyError)
    def missing(_: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("missing in action, sorry", 410)

    @app.get("/missing")
    def miss() -> None:
        raise KeyError

    @app.get("/ready")
    def ready() -> str:
        return "set, go"

    return app


def wsgi_app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """An application of the older kind."""
    path = environ["PATH_INFO"]
    status = "409 Conflict" if path.endswith("/conflict") else "200 OK"
    start(status, [("Content-Type", "text/x-wsgi"), ("X-Path", path)])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read()]


async def asgi_app(scope: Scope, receive: Receive, send: Send) -> None:
    """An application without any framework."""
    if scope["type"] == "http":
        await JSONResponse({"path": scope["path"]}, 422)(scope, receive, send)


def mounted(service: Decorate) -> Any:
    """Applications of three kinds below paths of their own."""

    @service()
    @bentoml.asgi_app(fastapi_app(), path="/fastapi")
    @bentoml.asgi_app(asgi_app, path="/asgi")
    class Mounted:
        @bentoml.api
        def greet(self) -> str:
            return "hello"

    made: Any = Mounted
    made.mount_wsgi_app(wsgi_app, path="/wsgi")
    return made


def at_root(service: Decorate) -> Any:
    """An application at the root, beside APIs and under a prefix."""

    @service(path_prefix="/v1")
    @bentoml.asgi_app(fastapi_app(), path="/")
    class AtRoot:
        @bentoml.api
        def greet(self, name: str) -> str:
            return f"hello {name}"

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def double(self, numbers: list[int]) -> list[int]:
            return [2 * number for number in numbers]

    return AtRoot


class Counting(BaseHTTPMiddleware):
    """Keeps a count over all requests, and turns some away."""

    def __init__(self, app: Any, header: str) -> None:
        super().__init__(app)
        self._header = header
        self._count = 0

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        self._count += 1
        if "x-nobody" in request.headers:
            return JSONResponse({"detail": {"who": "are you?"}}, 401, {"WWW-Authenticate": "Own"})
        if request.url.path == "/own":
            return PlainTextResponse("mine", 404)
        # Only an application that runs inside BentoML's own knows it.
        known = "yes" if "app" in request.scope else "no"
        response = await call_next(request)
        response.headers[self._header] = f"{self._count} {known}"
        return response


def middleware(service: Decorate) -> Any:
    """Middleware that compresses, counts and refuses."""

    @service()
    class Wrapped:
        @bentoml.api
        def long(self, name: str) -> str:
            return name * 1_000

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def double(self, numbers: list[int]) -> list[int]:
            return [2 * number for number in numbers]

        @bentoml.api
        def bad(self) -> str:
            raise bentoml.exceptions.NotFound("there is no such thing " * 50)

    made: Any = Wrapped
    made.add_asgi_middleware(Counting, header="X-Count")
    made.add_asgi_middleware(GZipMiddleware, minimum_size=0)
    return made


NUMBERS = {"json": {"numbers": [1, 2]}}
ITEMS = ["1", "x", "404", "409", "410", "418", "422", "429", "502", "503"]
KINDS = [
    Kind(
        mounted,
        [
            *(get(f"/fastapi/items/{item}") for item in ITEMS),
            get("/fastapi/crash"),
            get("/fastapi/missing"),
            get("/fastapi/ready"),
            get("/fastapi/none"),
            get("/fastapi/openapi.json"),
            post("/fastapi/items", json={"a": "x"}),
            post("/fastapi/items/1"),
            get("/asgi/a"),
            get("/wsgi/a"),
            post("/wsgi/conflict", content=b"body"),
            post("/greet"),
            get("/none"),
        ],
    ),
    Kind(
        at_root,
        [
            *(get(f"/v1/items/{item}") for item in ITEMS),
            get("/v1/ready"),
            post("/v1/greet", json={"name": "Ann"}),
            post("/v1/greet", json={}),
            post("/v1/double", **NUMBERS),
            get("/v1/livez"),
            get("/v1/readyz"),
            get("/v1/none"),
            get("/none"),
            get("/v1/"),
        ],
        fast=["/v1/double"],
    ),
    Kind(
        middleware,
        [
            post("/long", json={"name": "a"}),
            post("/double", **NUMBERS),
            post("/double", headers={"X-Nobody": "1"}, **NUMBERS),
            post("/long", headers={"X-Nobody": "1"}, json={"name": "a"}),
            post("/double", json={"numbers": list(range(1_000))}),
            post("/bad", json={}),
            get("/own"),
            get("/readyz"),
            get("/none"),
            post("/double", **NUMBERS),
        ],
        fast=["/double"],
    ),
]
