"""Uvicorn's insides: whole responses in one write, whole requests, and clients that have left."""

from collections.abc import Callable, Sequence
from typing import Any

from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Headers = Sequence[tuple[bytes, bytes]]

_line: Callable[[tuple[bytes, bytes]], bytes] = b": ".join
_usual: tuple[object, bytes] = None, b""


def write_at_once(send: Callable[..., Any], status: int, headers: Headers, body: bytes) -> bool:
    """Writes head and body with one call, where uvicorn would do nothing else with them.

    Uvicorn writes a response as ASGI brings it, the head and then the body, and uvloop hands each
    to the kernel at once: two system calls, two packets, and a client that is woken for half an
    answer (docs/decisions.md).

    Args:
        send: What the application was given to send by.
        status: HTTP status.
        headers: Headers with lower-case names, among them `content-length`.
        body: The whole body.

    Returns:
        Whether it was written; if not, nothing was done, and `send` is to be used.
    """
    cycle = getattr(send, "__self__", None)
    if type(cycle) is not RequestResponseCycle or not _is_plain(cycle):
        return False
    own = b"\r\n".join(map(_line, headers))
    # A line too many was smuggled in with a value; uvicorn refuses it.
    if not own.count(b"\n") == own.count(b"\r") == len(headers) - 1:
        return False
    # As uvicorn ends its cycle itself.
    cycle.response_started = cycle.response_complete = True
    usual = _usual_lines(cycle.default_headers)
    cycle.transport.write(b"%b%b%b\r\n\r\n%b" % (STATUS_LINE[status], usual, own, body))
    cycle.message_event.set()
    cycle.on_response()
    return True


def has_whole_body(receive: Callable[..., Any]) -> bool:
    """Whether all of a request has come, as far as can be told.

    Args:
        receive: What the application was given to receive by.
    """
    cycle = getattr(receive, "__self__", None)
    return type(cycle) is RequestResponseCycle and not cycle.more_body


def has_left(send: Callable[..., Any]) -> bool:
    """Whether the client has closed its connection, as far as can be told.

    Args:
        send: What the application was given to send by.
    """
    cycle = getattr(send, "__self__", None)
    return type(cycle) is RequestResponseCycle and cycle.disconnected


def peer_names(send: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the names in the certificate that the client has shown, and the server has verified.

    Those of who it was made for (URI, DNS, e-mail), and the common name.

    Args:
        send: What the application was given to send by.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    encrypted = transport.get_extra_info("ssl_object") if transport is not None else None
    certificate = encrypted.getpeercert() if encrypted is not None else None
    if not certificate:
        return ()
    return (
        *(name for _, name in certificate.get("subjectAltName", ())),
        *(
            value
            for attributes in certificate.get("subject", ())
            for kind, value in attributes
            if kind == "commonName"
        ),
    )


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
        or CLOSE_HEADER in cycle.default_headers
        or cycle.scope["method"] == "HEAD"
    )


def _usual_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Returns the lines of the headers that the server adds to all answers.

    Uvicorn makes another list of them every second, with the date. (It adds to the one that there
    is when the server stops, but then nothing is written here.)
    """
    global _usual  # noqa: PLW0603 - what was joined last
    made_of, lines = _usual
    if made_of is not headers:
        lines = b"".join(_line(header) + b"\r\n" for header in headers)
        _usual = headers, lines
    return lines
