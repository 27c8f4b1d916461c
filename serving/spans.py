"""What the hot path knows of traces: spans that it is given, and ends."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from opentelemetry.trace import Span, StatusCode

BeginBatch: TypeAlias = Callable[[Sequence[Span], int], Span]
"""Begins the span of a batch: with rows of these traced requests, and of so many rows in all."""

_ERROR_STATUS = 500


def end_request(span: Span, status: int, code: str) -> None:
    """Ends the span of a request.

    Args:
        span: The span.
        status: HTTP status of the outcome, whatever the protocol.
        code: Code of the error, if it is one.
    """
    span.set_attribute("http.response.status_code", status)
    if code:
        span.set_attribute("error.type", code)
    if status >= _ERROR_STATUS:
        span.set_status(StatusCode.ERROR)
    span.end()
