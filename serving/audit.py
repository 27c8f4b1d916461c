"""What a worker tells the audit log, written by a thread: no request waits for a disk."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import replace
from queue import Full, Queue
from urllib.parse import unquote

from bentoml.exceptions import BentoMLConfigException

from framework.audit import AuditError, AuditEvent, AuditLog, Outcome
from serving.settings import Settings

TOLD_SECONDS = 60.0
"""Refusals of one kind: the first is told at once, and how many more there were after this time."""

# More than a flood of refusals can make of kinds; those beyond are counted as one.
_MOST_KINDS = 1_000
_MOST_WAITING = 10_000
_END_SECONDS = 5.0
_OK, _BUG = 200, 500

ORDERS = {
    "/v2/repository/models/{model}/load": "load",
    "/v2/repository/models/{model}/unload": "unload",
    "/inference.GRPCInferenceService/RepositoryModelLoad": "load",
    "/inference.GRPCInferenceService/RepositoryModelUnload": "unload",
}
"""What changes what is served, by the end of its route: told whatever becomes of it."""

EVERY_STATUS = range(1_000)
DENIED = (401, 403)
"""HTTP statuses of whoever is not let in."""

logger = logging.getLogger("bentoml.serving")


def audit_of(settings: Settings) -> "Audit | None":
    """Returns what writes the audit log, if there is to be one.

    Raises:
        AuditError: It cannot be written.
    """
    return None if settings.audit is None else Audit(AuditLog(settings.audit))


def require_audit_log(settings: Settings) -> None:
    """Makes the audit log, if there is to be one.

    Raises:
        BentoMLConfigException: It cannot be written.
    """
    try:
        if settings.audit is not None:
            AuditLog(settings.audit).close()
    except AuditError as error:
        raise BentoMLConfigException(str(error)) from None


class RouteAudit:
    """What the audit log is told of the requests to one route.

    Args:
        audit: Writes it.
        route: Template of the route; over gRPC, the method.
        model: Tag of the model behind it; empty if there is none.
        protocol: Protocol in which it is asked.
    """

    def __init__(self, audit: "Audit", route: str, model: str, protocol: str) -> None:
        self._audit = audit
        order = next((ORDERS[end] for end in ORDERS if route.endswith(end)), "")
        self._kind = AuditEvent(
            who="", action=order or route, subject=model, outcome="refused", protocol=protocol
        )
        self.statuses: Container[int] = EVERY_STATUS if order else DENIED
        """Of answers that it is told of."""

    def answered(
        self, request_id: str, subject: str, client: str, caller: str, status: int, code: str
    ) -> None:
        """Tells of an answer with one of `statuses`.

        Args:
            request_id: Id of the request.
            subject: What was asked for.
            client: Address and port.
            caller: Who asked, by id; empty if nobody knows.
            status: HTTP status of the answer.
            code: Code of the error, if it was one.
        """
        event = replace(self._kind, who=caller, reason=code, address=_address(client))
        if status in DENIED:
            self._audit.refused(event, request_id)
            return
        outcome: Outcome = "done" if status == _OK else "refused" if status < _BUG else "failed"
        self._audit.tell(replace(event, subject=subject, outcome=outcome, request_id=request_id))


def _address(client: str) -> str:
    """Returns an address without its port, whichever protocol tells of it."""
    host = unquote(client.rpartition(":")[0])
    return host.removeprefix("ipv4:").removeprefix("ipv6:").strip("[]")


class Audit:
    """Writes what a worker did or refused; to be told on its event loop.

    Args:
        log: The audit log.

    Attributes:
        on_drop: Called, in any thread, for each line that could not be written, or for which there
            was no room.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self.on_drop: Callable[[], object] = lambda: None
        self._queue: Queue[AuditEvent | None] = Queue(_MOST_WAITING)
        self._more: Counter[AuditEvent] = Counter()
        self._planned: asyncio.TimerHandle | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def tell(self, event: AuditEvent) -> None:
        """Has a line written, or counts it as dropped where too many wait."""
        try:
            self._queue.put_nowait(event)
        except Full:
            self.on_drop()

    def refused(self, event: AuditEvent, request_id: str) -> None:
        """Tells of a request that was not let in; many of one kind are counted.

        Args:
            event: What the kind is: all but the request's id.
            request_id: Its id, which the first of a kind is told with.
        """
        if event not in self._more:
            if len(self._more) < _MOST_KINDS:
                self._more[event] = 0
                self.tell(replace(event, request_id=request_id))
                self._plan()
                return
            event = AuditEvent(who="", action="others", outcome="refused")
        self._more[event] += 1
        self._plan()

    def close(self) -> None:
        """Writes what is left to tell, and ends the thread."""
        if self._planned is not None:
            self._planned.cancel()
        self._tell_more()
        self._queue.put(None)
        self._thread.join(_END_SECONDS)

    def _plan(self) -> None:
        if self._planned is None:
            self._planned = asyncio.get_running_loop().call_later(TOLD_SECONDS, self._tell_more)

    def _tell_more(self) -> None:
        self._planned = None
        for event, count in self._more.items():
            if count:
                self.tell(replace(event, count=count))
        self._more.clear()

    def _write(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._log.write(event)
            except AuditError as error:
                self.on_drop()
                if not self._failing:
                    logger.error("%s", error)
                self._failing = True
            else:
                self._failing = False
        self._log.close()
