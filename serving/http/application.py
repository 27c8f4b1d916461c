"""BentoML's application of a service, with what this server puts into it."""

from collections.abc import Collection, Mapping
from typing import Any, cast

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from framework.adapters.bentoml import tracing_is_exported
from framework.adapters.bentoml_server import (
    PICKLE,
    BentoAppFactory,
    RequestMetricsMiddleware,
    TimeoutMiddleware,
)
from serving.canary import AnyEndpoint
from serving.errors import Code, ServingError
from serving.http.asgi import App, Receive, Scope, Send
from serving.http.envelope import refusal
from serving.http.time_limit import TimeLimit

_CORS: set[Any] = {CORSMiddleware}
_NO_ROUTE = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}


class AppFactory(BentoAppFactory):
    """Makes BentoML's application, less its request metrics: the gateway counts for all routes.

    BentoML's label is the raw path, so that anybody could make it grow without bound.

    Attributes:
        endpoints: What this server answers of the application's paths; empty until it has started.
        own_paths: Those of them that are none of BentoML's.
        owns_root: Whether paths without any route are this server's to refuse.
        is_locked: Whether the gateway asks who asks.
    """

    endpoints: dict[str, AnyEndpoint]
    own_paths: Collection[str] = ()
    owns_root = False
    is_locked = False

    def __call__(self) -> Starlette:
        """Makes the application."""
        self.endpoints = {}
        app: Starlette = super().__call__()
        # Before what is mounted at the root.
        app.router.routes[:0] = [
            Route(path, _not_started, methods=["POST"]) for path in self.own_paths
        ]
        for status in _NO_ROUTE:
            app.add_exception_handler(status, self._refuse)
        return app

    @property
    def is_wrapped(self) -> bool:
        """Whether the endpoints are to be reached through the application.

        So it is where the configuration or the service asks for middleware, which must see all
        requests alike, and where other services of BentoML ask in their own content type.
        """
        return not self.is_main or any(
            middleware.cls not in self._left_out for middleware in self._usual_middlewares[:-1]
        )

    def outside(self, gateway: App) -> App:
        """Wraps the gateway in what has to be around it: CORS, where it refuses who asks.

        A browser shows no key when it asks whether a page may ask, and hides a refusal from the
        page that does not say so.
        """
        for middleware in self._usual_middlewares if self.is_locked else ():
            if middleware.cls in _CORS:
                gateway = middleware.cls(gateway, *middleware.args, **middleware.kwargs)
        return gateway

    @property
    def middlewares(self) -> list[Middleware]:
        """What BentoML wraps its application in; innermost the endpoints, if they are wrapped."""
        usual = self._usual_middlewares
        if self.is_locked:
            usual = [one for one in usual if one.cls not in _CORS]
        if not self.is_wrapped:
            return usual
        return [
            *(
                Middleware(_Avoided, endpoints=self.endpoints, middleware=middleware)
                if middleware.cls in self._left_out
                else middleware
                for middleware in usual
            ),
            Middleware(_Endpoints, endpoints=self.endpoints, among_services=not self.is_main),
        ]

    @property
    def _usual_middlewares(self) -> list[Middleware]:
        return [
            Middleware(TimeLimit, **middleware.kwargs)
            if middleware.cls is TimeoutMiddleware
            else middleware
            for middleware in super().middlewares
            if middleware.cls is not RequestMetricsMiddleware
        ]

    @property
    def _left_out(self) -> set[Any]:
        """Those that endpoints do without.

        Time-outs are the batcher's; tracing is left out unless its spans go somewhere, because
        it costs more than the rest of the request.
        """
        if tracing_is_exported():
            return {TimeLimit}
        return {TimeLimit, OpenTelemetryMiddleware}

    def _refuse(self, request: Request, raised: Exception) -> Response:
        """Answers where no route does."""
        error = cast(HTTPException, raised)
        if self.owns_root or request.scope["path"] in self.endpoints:
            headers = list((error.headers or {}).items())
            return refusal(
                request.scope, ServingError(_NO_ROUTE[error.status_code], "", (), headers)
            )
        return PlainTextResponse(error.detail, error.status_code, error.headers)


async def _not_started(request: Request) -> Response:
    """Answers at an endpoint's path as long as there is no endpoint."""
    return refusal(request.scope, ServingError(Code.UNAVAILABLE))


class _Avoided:
    """A middleware around everything but the endpoints."""

    def __init__(self, app: App, endpoints: Mapping[str, App], middleware: Middleware) -> None:
        self._app = app
        self._wrapped: App = middleware.cls(app, *middleware.args, **middleware.kwargs)
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_avoided = scope["type"] == "http" and scope["path"] in self._endpoints
        await (self._app if is_avoided else self._wrapped)(scope, receive, send)


class _Endpoints:
    """Answers at the endpoints' paths what BentoML's own routes would answer otherwise."""

    def __init__(self, app: App, endpoints: Mapping[str, App], *, among_services: bool) -> None:
        self._app = app
        self._endpoints = endpoints
        self._among_services = among_services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["method"] == "POST":
            app = self._endpoints.get(scope["path"], app)
            if self._among_services and _is_pickle(scope):
                app = self._app
        await app(scope, receive, send)


def _is_pickle(scope: Scope) -> bool:
    content_type: bytes = dict(scope["headers"]).get(b"content-type", b"")
    media_type = content_type.split(b";")[0].strip()
    return media_type == PICKLE
