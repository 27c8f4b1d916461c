"""Logs: one form for all that logs in a process, JSON for machines or text for a terminal.

What a line says of a request beside its message (id, model, route, protocol, code) is given as
`extra=about(…)`. Nothing that a client sends is in it but for the path.
"""

import copy
import logging
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from bentoml.exceptions import BentoMLConfigException
from concurrent_log_handler import ConcurrentRotatingFileHandler
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.msgspec import MsgspecFormatter

from framework.adapters.bentoml_logs import (
    HANDLED,
    OWN,
    OWN_ATTRIBUTES,
    current_trace,
    server_handlers,
)
from serving.audit import EVERY_STATUS, Audit, RouteAudit
from serving.settings import Settings
from serving.settings.spelling import PREFIX

FILE_BYTES, FILES = 64 * 2**20, 5
"""Size at which the log file begins anew, and how many older ones are kept."""

logger = logging.getLogger("bentoml.serving")
_accesses = logging.getLogger("bentoml.access")

_ABOUT = "about"
_NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception", "component": "process"}


def about(**fields: object) -> dict[str, dict[str, object]]:
    """Returns what a line of the log says of a request, to be given as `extra`.

    None of it may be what a client made up, but for the request id, which has been looked at.
    """
    return {_ABOUT: fields}


class RouteLog:
    """What the log says of the requests to one route.

    Args:
        route: Its template; over gRPC, the method.
        model: Tag of the model behind it; empty if there is none.
        protocol: Protocol in which it is asked.
        accesses: Whether every request is logged, or failures alone.
        audit: Told of orders and refusals, where there is an audit log.

    Attributes:
        told: Statuses of the answers that have a line in a log, and `answered` is called for.
    """

    def __init__(
        self,
        route: str,
        model: str,
        protocol: str,
        *,
        accesses: bool,
        audit: Audit | None = None,
    ) -> None:
        self.fields = {"model": model, "route": route, "protocol": protocol}
        self._accesses = accesses
        self._audit = RouteAudit(audit, route, model, protocol) if audit else None
        self._audited: Container[int] = self._audit.statuses if self._audit else ()
        self.told: Container[int] = EVERY_STATUS if accesses else self._audited

    def failed(self, request_id: str, code: str, raised: Exception) -> None:
        """Writes the line of a request that a bug has failed, with the traceback.

        Args:
            request_id: Its id.
            code: Code of the error that it was answered with.
            raised: The bug.
        """
        told = about(request_id=request_id, **self.fields, code=code)
        logger.error("Request %s failed", request_id, exc_info=raised, extra=told)

    def answered(
        self,
        request_id: str,
        what: str,
        client: str,
        caller: str,
        status: int,
        code: str,
        seconds: float,
    ) -> None:
        """Writes the line of a request, in each log that has one of it.

        Args:
            request_id: Its id.
            what: What was asked for: method and path; over gRPC, method and name.
            client: From where: address and port.
            caller: Who asked, by id; empty if nobody knows.
            status: HTTP status of the outcome; 499: the client had left.
            code: Code of the error, if it is one of this server's.
            seconds: How long it took.
        """
        if self._audit is not None and status in self._audited:
            self._audit.answered(request_id, what.partition(" ")[2], client, caller, status, code)
        if not self._accesses:
            return
        told = about(
            request_id=request_id,
            **self.fields,
            status=status,
            code=code,
            milliseconds=round(seconds * 1000, 3),
            client=client,
            caller=caller,
        )
        # What is not printable in it is escaped as in BentoML's own lines (`bentoml_server`).
        _accesses.info("%s %d", what, status, extra=told)


def configure_logs(settings: Settings) -> None:
    """Gives what this process logs the form that the settings want.

    To be called once BentoML has configured its logging; where it has not, as in a program that
    only loads the service, nothing is done.

    Raises:
        BentoMLConfigException: The log file cannot be written.
    """
    handlers = server_handlers()
    if not handlers:
        return
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stdout.isatty()
    )
    for handler in handlers:
        usual = handler.formatter
        if not isinstance(usual, _Json | _Text):
            handler.setFormatter(_Json() if as_json else _Text(usual))
    has_file = any(
        isinstance(one, ConcurrentRotatingFileHandler) for one in logging.getLogger().handlers
    )
    if settings.log_file and not has_file:
        file = _opened(settings.log_file.absolute(), handlers[0])
        for name in HANDLED:
            logging.getLogger(name).addHandler(file)
    if settings.log_level:
        level = logging.getLevelNamesMapping()[settings.log_level.upper()]
        for name in HANDLED:
            # What others tell for debugging, they tell without end.
            logging.getLogger(name).setLevel(level if name == OWN else max(level, logging.WARNING))


def _opened(path: Path, like: logging.Handler) -> logging.Handler:
    """Returns a handler for a file that the master and all workers write."""
    try:
        path.touch(0o600)
        file = ConcurrentRotatingFileHandler(
            str(path), maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", chmod=0o600
        )
    except OSError as error:
        raise BentoMLConfigException(
            f"{PREFIX}LOG_FILE ({path}) cannot be written: {error.strerror or error}"
        ) from None
    file.setFormatter(_Json())
    for one in like.filters:
        file.addFilter(one)
    return file


class _Json(MsgspecFormatter):
    """A line of JSON: time (UTC), level, logger, process, message, and what is known of a request.

    A trace that BentoML's own filter knows is told as `trace_id` and `span_id`.
    """

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "component", "message"],
            rename_fields=_NAMES,
            reserved_attrs=[*RESERVED_ATTRS, *OWN_ATTRIBUTES, _ABOUT],
            timestamp="time",
        )

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """See `BaseJsonFormatter`."""
        super().add_fields(log_data, record, message_dict)
        log_data["process"] = str(log_data["process"]).strip("[]")
        log_data.update(getattr(record, _ABOUT, {}))
        log_data.update(current_trace())

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """See `BaseJsonFormatter`: the time comes first, for people."""
        return {"time": log_data.pop("time"), **log_data}


class _Text(logging.Formatter):
    """BentoML's line, and what is known of a request behind it."""

    def __init__(self, usual: logging.Formatter | None) -> None:
        super().__init__()
        self._usual = usual or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        fields: Mapping[str, object] = getattr(record, _ABOUT, {})
        if fields:
            told = ", ".join(f"{name}={value}" for name, value in fields.items() if value != "")
            record = copy.copy(record)
            record.msg, record.args = f"{record.getMessage()} ({told})", None
        return self._usual.format(record)
