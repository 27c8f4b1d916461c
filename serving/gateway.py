"""The outermost ASGI layer: request ids, limits, model tags, and errors in one envelope."""

import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from serving.errors import Code, ServingError
from serving.settings import Settings

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("bentoml.serving")

# Printable, without quotes and spaces: safe in a header and in a log line.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class Gateway:
    """Guards an application: what passes is small enough and typed, what leaves is identified.

    Args:
        app: The guarded application.
        model_tags: Route of each prediction API → tag of the model behind it (may be empty).
        settings: Limits.
    """

    def __init__(self, app: App, model_tags: Mapping[str, str], settings: Settings) -> None:
        self._app = app
        self._model_tags = model_tags
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        tag = self._model_tags.get(scope["path"])
        response = _Response(send, _request_id(headers), tag)
        try:
            if tag is not None and scope["method"] == "POST":
                _require_json(headers)
                receive = await self._read(headers, receive)
            await self._app(scope, receive, response.send)
        except ClientGoneError:
            logger.info("Request %s: the client left before it was read", response.request_id)
        except ServingError as error:
            await response.fail(error)
        except Exception:
            logger.exception("Request %s failed", response.request_id)
            await response.fail(ServingError(Code.INTERNAL))

    async def _read(self, headers: Mapping[bytes, bytes], receive: Receive) -> Receive:
        """Reads the whole body within the limit; returns a `receive` that gives it again."""
        limit = self._settings.max_body_bytes
        if int(headers.get(b"content-length", b"0")) > limit:
            raise _too_large(limit)
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                raise _too_large(limit)
        pending = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return replay


class _Response:
    """Adds identity to an application's response and puts its errors in the envelope."""

    def __init__(self, send: Send, request_id: str, tag: str | None) -> None:
        self.request_id = request_id
        self._send = send
        self._identity = [(b"x-request-id", request_id.encode())]
        if tag:
            self._identity.append((b"x-model-tag", tag.encode()))
        self._started = False
        self._error_status = 0
        self._error_headers: list[tuple[bytes, bytes]] = []
        self._error_body = b""

    async def send(self, message: Message) -> None:
        """Takes a message of the application."""
        if message["type"] == "http.response.start":
            if message["status"] >= 400:
                self._error_status = message["status"]
                self._error_headers = [
                    header for header in message["headers"] if header[0].lower() in _KEPT
                ]
                return
            self._started = True
            message["headers"] = [*message["headers"], *self._identity]
        elif self._error_status:
            self._error_body += message.get("body", b"")
            if not message.get("more_body"):
                await self.fail(ServingError.from_response(self._error_status, self._error_body))
            return
        await self._send(message)

    async def fail(self, error: ServingError) -> None:
        """Answers with an error, unless an answer is already on its way."""
        if self._started:
            return
        self._started = True
        body = error.body(self.request_id)
        await self._send(
            {
                "type": "http.response.start",
                "status": error.code.status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    *self._identity,
                    *self._error_headers,
                    *((name.encode(), value.encode()) for name, value in error.headers),
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})


# Headers of an error response that stay true when its body is replaced.
_KEPT = {b"allow", b"retry-after", b"www-authenticate", b"vary"} | {
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
}


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _require_json(headers: Mapping[bytes, bytes]) -> None:
    content_type = headers.get(b"content-type", b"application/json")
    if content_type.split(b";")[0].strip().lower() != b"application/json":
        raise ServingError(Code.UNSUPPORTED_MEDIA_TYPE)


def _too_large(limit: int) -> ServingError:
    return ServingError(Code.PAYLOAD_TOO_LARGE, f"The request body exceeds {limit} bytes.")
