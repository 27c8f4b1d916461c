"""Whole responses, written to the connection at once where the web server lets us."""

from framework.adapters.uvicorn import write_at_once
from serving.errors import ServingError
from serving.http.asgi import JSON, Headers, Send


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Sends a whole response."""
    headers.append((b"content-length", b"%d" % len(body)))
    if not write_at_once(send, status, headers, body):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ServingError, identity: Headers, request_id: str) -> int:
    """Sends an error in the envelope; returns its status."""
    extra = [(name.encode(), value.encode()) for name, value in error.headers]
    headers = [(b"content-type", JSON), *identity, *extra]
    await answer(send, error.code.status, headers, error.body(request_id))
    return error.code.status
