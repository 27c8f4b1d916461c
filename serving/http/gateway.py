"""The outermost ASGI layer: the fast path, and around all other routes identity, limits, errors."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount

from serving.errors import Code, ServingError
from serving.http.asgi import (
    CLIENT_CLOSED_REQUEST,
    JSON,
    App,
    ClientGoneError,
    Message,
    Receive,
    Scope,
    Send,
    in_time,
    read_body,
    request_id,
    require_content_type,
)
from serving.http.endpoint import Endpoint
from serving.http.envelope import Envelope
from serving.lifecycle import Lifecycle
from serving.metrics import Metrics
from serving.settings import Settings

logger = logging.getLogger("bentoml.serving")

UNMATCHED = "unmatched"


class Gateway:
    """Answers the fast path and guards the application behind it.

    Args:
        app: BentoML's application.
        apis: Paths of the declared APIs, whose requests are JSON.
        model_tags: Path → tag of the one model behind it.
        start: Makes the fast endpoints, by path, once the application has started.
        end_calls: Ends what other protocols are answering, before the application stops.
        lifecycle: Tells whether the worker is draining.
        metrics: Counts of every route.
        settings: Limits.
    """

    def __init__(
        self,
        app: Starlette,
        apis: Collection[str],
        model_tags: Mapping[str, str],
        start: Callable[[], Awaitable[Mapping[str, App]]],
        end_calls: Callable[[], Awaitable[None]],
        lifecycle: Lifecycle,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._app = app
        self._apis = apis
        self._model_tags = model_tags
        self._start = start
        self._end_calls = end_calls
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._settings = settings
        self._endpoints: Mapping[str, App] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] == "http":
            endpoint = self._endpoints.get(scope["path"])
            if type(endpoint) is Endpoint and scope["method"] == "POST":
                await endpoint(scope, receive, send)
            else:
                await self._guard(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, self._watch_shutdown(receive), self._watch_lifespan(send))
        else:
            await self._app(scope, receive, send)

    def _watch_shutdown(self, receive: Receive) -> Receive:
        async def watched() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._end_calls()
            return message

        return watched

    def _watch_lifespan(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._endpoints = await self._start()
            elif message["type"] == "lifespan.shutdown.complete":
                self._metrics.flush()
            await send(message)

        return watched

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers through an application that knows nothing of this server's manners."""
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        tag = self._model_tags.get(scope["path"], "")
        route = self._metrics.route(_template(scope, self._app.routes), tag)
        own_id = request_id(headers.get(b"x-request-id"))
        identity = [(b"x-request-id", own_id.encode())]
        if tag:
            identity.append((b"x-model-tag", tag.encode()))
        envelope = Envelope(send, identity, own_id)
        route.started()
        try:
            await self._answer(scope, headers, receive, envelope)
        except ClientGoneError:
            logger.debug("Request %s: its client has left", own_id)
        except ServingError as error:
            await envelope.fail(error)
        except Exception:
            logger.exception("Request %s failed", own_id)
            await envelope.fail(ServingError(Code.INTERNAL))
        finally:
            status = envelope.status or CLIENT_CLOSED_REQUEST
            route.ended(status, time.perf_counter() - started)

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, envelope: Envelope
    ) -> None:
        path: str = scope["path"]
        app: App = self._app
        if path.endswith(("/readyz", "/ready")) and self._lifecycle.draining:
            raise ServingError(Code.UNAVAILABLE)
        if (
            path.endswith(("/livez", "/healthz", "/v2/health/live"))
            and self._lifecycle.has_lost_a_worker()
        ):
            raise ServingError(Code.UNAVAILABLE, "A worker has ended and is not replaced.")
        if path.endswith(("/metrics", "/stats")):
            self._metrics.gather()
        if scope["method"] == "POST":
            app = self._endpoints.get(path, app)
            if path in self._apis:
                require_content_type(headers, JSON)
                timed = in_time(receive, self._settings.timeout_seconds)
                body = await read_body(headers, timed, self._settings.max_body_bytes)
                receive = _replay(body, receive)
        await app(scope, receive, envelope.send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that gives a body that was read, and then goes on with the original."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _template(scope: Scope, routes: list[BaseRoute], prefix: str = "") -> str:
    """Returns the template of the route that answers a request, or `unmatched`.

    A template, unlike a path, is one of a fixed set: it is safe as a metric's label.
    """
    for route in routes:
        match, child_scope = route.matches(scope)
        if match is Match.NONE:
            continue
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount) and isinstance(route.app, Starlette):
            return _template({**scope, **child_scope}, route.app.routes, path)
        return path or "/"
    return UNMATCHED
