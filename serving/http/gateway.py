"""The outermost ASGI layer: the fast path, and identity and probes around all other routes."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount

from framework.access.scopes import Need
from framework.adapters.uvicorn import peer_names
from serving.access.door import Door, NotAdmittedError
from serving.access.principal import NOBODY, Principal, asking
from serving.errors import Code, ServingError
from serving.http.asgi import (
    CLIENT_CLOSED_REQUEST,
    App,
    ClientGoneError,
    Message,
    Receive,
    Scope,
    Send,
    client_of,
    in_time,
    log_answer,
    read_body,
    request_id,
)
from serving.http.envelope import Envelope, enveloped
from serving.http.response import refuse_websocket
from serving.lifecycle import Lifecycle
from serving.metrics import Metrics
from serving.paths import Paths
from serving.settings import Settings

logger = logging.getLogger("bentoml.serving")

UNMATCHED = "unmatched"


class Gateway:
    """Answers the fast path and passes everything else on to the application behind it.

    Args:
        app: BentoML's application.
        paths: Where this server has a say in what the application answers.
        endpoints: What is answered here, by path, as of now.
        begin_request: Has what follows see the models of this moment; returns the tag of the one
            behind a request's path, if there is one.
        require_loaded: Refuses to ask at a path for a model that is unloaded.
        start: Fills the endpoints, once the application has started.
        end_calls: Ends what other protocols are answering, before the application stops.
        close: Called when it has stopped.
        is_ready: Whether the service takes requests, by its own account.
        lifecycle: Tells whether the worker is draining.
        metrics: Counts of every route.
        settings: Limits.
        door: Lets in who may ask.
        need_of: What a path needs.
    """

    def __init__(
        self,
        app: Starlette,
        paths: Paths,
        endpoints: Mapping[str, App],
        begin_request: Callable[[Scope], str],
        require_loaded: Callable[[str], None],
        start: Callable[[], Awaitable[None]],
        end_calls: Callable[[], Awaitable[None]],
        close: Callable[[], None],
        is_ready: Callable[[], Awaitable[bool]],
        lifecycle: Lifecycle,
        metrics: Metrics,
        settings: Settings,
        door: Door,
        need_of: Callable[[str], Need | None],
    ) -> None:
        self._app = app
        self._paths = paths
        self._endpoints = endpoints
        self._begin_request = begin_request
        self._require_loaded = require_loaded
        self._start = start
        self._end_calls = end_calls
        self._close = close
        self._is_ready = is_ready
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._settings = settings
        self._door = door
        self._need_of = need_of
        self._failed_start = lifecycle.failed_start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] == "http":
            endpoint = self._endpoints.get(scope["path"])
            if endpoint is not None and scope["method"] == "POST":
                await endpoint(scope, receive, send)
            else:
                await self._pass(scope, receive, send)
        elif scope["type"] == "lifespan":
            try:
                await self._app(scope, self._watch_shutdown(receive), self._watch_lifespan(send))
            except Exception:
                # A failed start has been told already.
                if not self._failed_start.told:
                    raise
        else:
            await self._connect(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a WebSocket on, once it is known who opens it."""
        try:
            asking.set(self._admitted(scope, dict(scope["headers"]), send))
        except NotAdmittedError as error:
            own_id = request_id(dict(scope["headers"]).get(b"x-request-id"))
            log = self._metrics.route(_template(scope, self._app.routes)).log
            if error.status in log.told:
                # By what it is before it becomes a WebSocket.
                asked = {**scope, "method": "GET"}
                caller, code = error.principal.id, error.code.code
                log_answer(log, own_id, asked, caller, error.status, code, 0)
            await refuse_websocket(scope, send, error, own_id)
        else:
            await self._app(scope, receive, send)

    def _admitted(self, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> Principal:
        need = self._need_of(scope["path"])
        return self._door.admit(need, headers, client_of(scope), partial(peer_names, send))

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
                await self._start()
            elif message["type"] == "lifespan.shutdown.complete":
                self._close()
            elif message["type"] == "lifespan.startup.failed":
                await self._failed_start.end(message, send)
                return
            await send(message)

        return watched

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, names its answer, and counts it."""
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        tag = self._begin_request(scope)
        route = self._metrics.route(_template(scope, self._app.routes), tag)
        own_id = request_id(headers.get(b"x-request-id"))
        identity = [(b"x-request-id", own_id.encode())]
        envelope = Envelope(send, identity, own_id)
        principal, begun = NOBODY, None
        route.started()
        try:
            principal = self._admitted(scope, headers, send)
            asking.set(principal)
            if principal.allowance is not None:
                principal.allowance.begin()
                begun = principal.allowance
                # Whatever it asks for; only models know of rows.
                await begun.charge(1)
            if tag:
                identity.append((b"x-model-tag", tag.encode()))
            receive = await self._checked(scope, headers, receive)
            await self._app(enveloped(scope, envelope), receive, envelope.send)
        except ClientGoneError:
            logger.debug("Request %s: its client has left", own_id)
        except NotAdmittedError as error:
            principal = error.principal
            await envelope.fail(error)
        except Exception as raised:  # noqa: BLE001 - every one is answered and told apart here
            await envelope.fail(ServingError.from_exception(raised, own_id, route.log))
        finally:
            status = envelope.status or CLIENT_CLOSED_REQUEST
            seconds = time.perf_counter() - started
            route.ended(status, seconds)
            if begun is not None:
                begun.end()
            log = route.log
            if status in log.told:
                log_answer(log, own_id, scope, principal.id, status, envelope.code, seconds)

    async def _checked(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> Receive:
        """Does what this server does before a request is passed on.

        Raises:
            ServingError: The request goes no further.
        """
        if self._failed_start.refusing:
            raise ServingError(Code.UNAVAILABLE, "This worker could not start.")
        path, paths = scope["path"], self._paths
        self._require_loaded(path)
        if path in paths.ready and self._lifecycle.draining:
            raise ServingError(Code.UNAVAILABLE)
        if path in paths.own_ready and not await self._is_ready():
            raise ServingError(Code.UNAVAILABLE, "The service says that it is not ready.")
        if path in paths.live and (ailment := self._lifecycle.ailment()):
            raise ServingError(Code.UNAVAILABLE, ailment)
        if path in paths.metrics:
            self._metrics.gather()
        if path in paths.limited and scope["method"] == "POST":
            timed = in_time(receive, self._settings.timeout_seconds)
            body = await read_body(headers, timed, self._settings.max_body_bytes)
            return _replay(body, receive)
        return receive


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
