"""Whole responses, written to the connection at once where the web server lets us."""

from framework.adapters.uvicorn import has_left, write_at_once
from serving.errors import ServingError
from serving.http.asgi import CLIENT_CLOSED_REQUEST, JSON, ClientGoneError, Headers, Send


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Sends a whole response.

    Raises:
        ClientGoneError: There is nobody to send it to.
    """
    headers.append((b"content-length", b"%d" % len(body)))
    if not write_at_once(send, status, headers, body):
        if has_left(send):
            raise ClientGoneError
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ServingError, identity: Headers, request_id: str) -> int:
    """Sends an error in the envelope; returns its status, or 499 if the client has left."""
    extra = [(name.encode(), value.encode()) for name, value in error.headers]
    headers = [(b"content-type", JSON), *identity, *extra]
    try:
        await answer(send, error.status, headers, error.body(request_id))
    except ClientGoneError:
        return CLIENT_CLOSED_REQUEST
    return error.status
