"""BentoML's insides of logging: which loggers it configures, and what it adds to their records."""

import logging

from bentoml._internal.context import trace_context
from bentoml._internal.log import SERVER_LOGGING_CONFIG, TraceRecordFilter

__all__ = [
    "HANDLED",
    "OWN",
    "OWN_ATTRIBUTES",
    "TraceRecordFilter",
    "current_trace",
    "server_handlers",
]

HANDLED: tuple[str, ...] = (*SERVER_LOGGING_CONFIG["loggers"], "")
"""Names of the loggers that it gives a handler; the last is the root."""

OWN = "bentoml"
"""Name of the logger above all of its own, and of this server's."""

OWN_ATTRIBUTES = ("levelname_bracketed", "component", "trace_msg", "request_id", "service_name")
"""What its filter adds to each record."""


def server_handlers() -> list[logging.Handler]:
    """Returns the handlers of a process whose logging BentoML has configured as a server's."""
    found = {
        id(handler): handler
        for name in HANDLED
        for handler in logging.getLogger(name).handlers
        if any(isinstance(one, TraceRecordFilter) for one in handler.filters)
    }
    return list(found.values())


def current_trace() -> dict[str, str]:
    """Returns `trace_id` and `span_id` of the request that BentoML is answering, if it knows any.

    Both in hexadecimal, as W3C's `traceparent` has them.
    """
    if not trace_context.trace_id:
        return {}
    return {
        "trace_id": format(trace_context.trace_id, "032x"),
        "span_id": format(trace_context.span_id, "016x"),
    }
