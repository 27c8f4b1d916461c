"""What a worker tells the audit log, written by a thread: no request waits for a disk."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from queue import Full, Queue

from framework.audit import AuditError, AuditEvent, AuditLog

TOLD_SECONDS = 60.0
"""Refusals of one kind: the first is told at once, and how many more there were after this time."""

# More than a flood of refusals can make of kinds; those beyond are counted as one.
_MOST_KINDS = 1_000
_MOST_WAITING = 10_000
_END_SECONDS = 5.0

logger = logging.getLogger("bentoml.serving")


class Audit:
    """Writes what a worker did or refused.

    To be made on the running event loop, to which it belongs.

    Args:
        log: The audit log.
        on_drop: Called, in any thread, for each line that could not be written, or for which there
            was no room.
    """

    def __init__(self, log: AuditLog, on_drop: Callable[[], object]) -> None:
        self._log = log
        self._on_drop = on_drop
        self._loop = asyncio.get_running_loop()
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
            self._on_drop()

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
            self._planned = self._loop.call_later(TOLD_SECONDS, self._tell_more)

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
                self._on_drop()
                if not self._failing:
                    logger.error("%s", error)
                self._failing = True
            else:
                self._failing = False
        self._log.close()
