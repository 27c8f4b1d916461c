"""Whole responses, written to the connection at once where the web server lets us."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from serving.errors import ServingError
from serving.http.asgi import JSON, Headers, Send


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Sends a whole response."""
    headers.append((b"content-length", b"%d" % len(body)))
    cycle = getattr(send, "__self__", None)
    if type(cycle) is RequestResponseCycle and _is_plain(cycle):
        lines = [*cycle.default_headers, *headers]
        head = _head(status, lines)
        # A line too many was smuggled in with a value; uvicorn refuses it.
        if head.count(b"\n") == head.count(b"\r") == len(lines) + 2:
            _write(cycle, head + body)
            return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_error(send: Send, error: ServingError, identity: Headers, request_id: str) -> int:
    """Sends an error in the envelope; returns its status."""
    extra = [(name.encode(), value.encode()) for name, value in error.headers]
    headers = [(b"content-type", JSON), *identity, *extra]
    await answer(send, error.code.status, headers, error.body(request_id))
    return error.code.status


def _is_plain(cycle: RequestResponseCycle) -> bool:
    """Whether uvicorn would do nothing else with a response than to write it.

    Otherwise it has something to wait for, to log, to add or to leave out.
    """
    return not (
        cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.waiting_for_100_continue
        or cycle.access_log
        or not cycle.keep_alive
        or cycle.scope["method"] == "HEAD"
    )


def _head(status: int, headers: Headers) -> bytes:
    content = [STATUS_LINE[status]]
    for name, value in headers:
        content += (name, b": ", value, b"\r\n")
    content.append(b"\r\n")
    return b"".join(content)


def _write(cycle: RequestResponseCycle, response: bytes) -> None:
    """Writes head and body with one call, and ends uvicorn's cycle as it would itself.

    Uvicorn writes a response as ASGI brings it, the head and then the body, and uvloop hands each
    to the kernel at once: two system calls, two packets, and a client that is woken for half an
    answer (docs/decisions.md).
    """
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(response)
    cycle.message_event.set()
    cycle.on_response()
