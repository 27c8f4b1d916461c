"""Whole responses, written to the connection at once where the web server lets us."""

from framework.adapters.uvicorn import has_left, write_at_once
from serving.errors import ServingError
from serving.http.asgi import CLIENT_CLOSED_REQUEST, JSON, ClientGoneError, Headers, Scope, Send

_POLICY_VIOLATION = 1008


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Sends a whole response.

    Raises:
        ClientGoneError: There is nobody to send it to.
    """
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    if not write_at_once(send, status, headers, body):
        if has_left(send):
            raise ClientGoneError
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def answered_at_once(send: Send, status: int, headers: Headers, body: bytes) -> bool:
    """Writes a whole response, if that is all there is to do; if not, it has to be sent."""
    return write_at_once(send, status, [*headers, (b"content-length", b"%d" % len(body))], body)


async def answer_error(send: Send, error: ServingError, identity: Headers, request_id: str) -> int:
    """Sends an error in the envelope; returns its status, or 499 if the client has left."""
    has_come = await send_error(send, error.status, error, identity, error.body(request_id))
    return error.status if has_come else CLIENT_CLOSED_REQUEST


async def refuse_websocket(scope: Scope, send: Send, error: ServingError, request_id: str) -> None:
    """Answers the opening of a WebSocket with an error, as far as the web server can."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    headers = [(b"content-type", JSON), (b"x-request-id", request_id.encode()), *_headers(error)]
    await send(
        {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": error.body(request_id)})


async def send_error(
    send: Send, status: int, error: ServingError, identity: Headers, body: bytes
) -> bool:
    """Sends an error in any form of JSON; returns whether there was somebody to send it to."""
    try:
        await answer(send, status, [(b"content-type", JSON), *identity, *_headers(error)], body)
    except ClientGoneError:
        return False
    return True


def _headers(error: ServingError) -> Headers:
    return [(name.encode(), value.encode()) for name, value in error.headers]
