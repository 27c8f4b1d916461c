"""The little of ASGI that the serving modules share."""

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeVar

from framework.adapters.uvicorn import has_whole_body
from serving.errors import Code, ServingError
from serving.http.decoding import decoded, require_encoding, too_large
from serving.logs import RouteLog

T = TypeVar("T")
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
PREDICTION_ID = b":prediction-id"
"""Among the headers that a codec is given: the id that the server has given the request, if it
records it. No client can send a header of this name."""

# What the metrics call a request whose client left: the custom of nginx.
CLIENT_CLOSED_REQUEST = 499
# Printable, without quotes and spaces: safe in a header and in a log line.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
# Unguessable per worker and counted within it: unique without asking the kernel each time.
_PREFIX = os.urandom(12).hex()
_numbers = itertools.count()


class ClientGoneError(Exception):
    """The client closed the connection before it had its answer."""


def request_id(given: bytes | None) -> str:
    """Returns the request id that the client sent if it is a proper one, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return f"{_PREFIX}{next(_numbers):08x}"


def require_content_type(headers: Mapping[bytes, bytes], *allowed: bytes) -> None:
    """Refuses every content type but those allowed; a missing one is taken for the first.

    Raises:
        ServingError: `unsupported_media_type`.
    """
    content_type = headers.get(b"content-type", allowed[0])
    if content_type in allowed:
        return
    if content_type.split(b";")[0].strip().lower() not in allowed:
        names = b" or ".join(allowed).decode()
        raise ServingError(Code.UNSUPPORTED_MEDIA_TYPE, f"The content type must be {names}.")


def in_time(receive: Receive, seconds: float) -> Receive:
    """Returns a `receive` that waits for a request's body so long and no longer.

    It raises `deadline_exceeded` then.
    """
    if has_whole_body(receive):
        return receive
    deadline = asyncio.get_running_loop().time() + seconds

    async def timed() -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                return await receive()
        except TimeoutError:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"The request body did not come within {seconds:g} s."
            ) from None

    return timed


async def read_decoded_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Reads a whole request body, and decodes what is compressed.

    Raises:
        ServingError: See `read_body`; `unsupported_media_type`: the body is encoded in a way that
            is not known; `invalid_input`: it is not encoded as it says.
        ClientGoneError: The connection was closed before the body was complete.
    """
    encoding = headers.get(b"content-encoding")
    if encoding is None:
        return await read_body(headers, receive, limit)
    name = require_encoding(encoding)
    body = await read_body(headers, receive, limit)
    return decoded(body, name, limit) if name else body


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Reads a whole request body of at most `limit` bytes.

    Raises:
        ServingError: `payload_too_large`, as soon as it is known.
        ClientGoneError: The connection was closed before the body was complete.
    """
    # Who waits to be asked for a body is not asked for one that is too large.
    if b"expect" in headers:
        _require_length(headers, limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body") and len(body) <= limit:
        return body
    _require_length(headers, limit)
    chunks = bytearray(body)
    while message["type"] == "http.request" and len(chunks) <= limit:
        if not message.get("more_body"):
            return bytes(chunks)
        message = await receive()
        chunks += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    raise too_large(limit)


def _require_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    if int(headers.get(b"content-length", b"0")) > limit:
        raise too_large(limit)


def log_answer(
    log: RouteLog,
    request_id: str,
    scope: Scope,
    caller: str,
    status: int,
    code: str,
    seconds: float,
) -> None:
    """Writes a request's line of the access log; see `RouteLog.answered`."""
    _, port = scope.get("client") or ("", "")
    what = f"{scope['method']} {scope['path']}"
    log.answered(request_id, what, f"{client_of(scope)}:{port}", caller, status, code, seconds)


def client_of(scope: Scope) -> str:
    """Returns the address of whoever asks; empty over a socket of files."""
    host, _ = scope.get("client") or ("", "")
    return str(host)


async def client_leaves(receive: Receive) -> None:
    """Waits until the client closes the connection; for use once the body has been read.

    Raises:
        ClientGoneError: It did.
    """
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientGoneError
