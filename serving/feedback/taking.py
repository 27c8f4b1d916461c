"""Labels are judged, written to the record, and only then answered."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from framework import Bundle
from framework.labels import LabelKind, label_kind
from framework.record.labels import Label, LabelEvent, UnfitLabelError, entry_of, event_of
from serving.beside import write_beside
from serving.codecs.problems import problem
from serving.errors import Code, Problem, ServingError
from serving.feedback.metrics import LabelMetrics
from serving.record.recorder import Record

MAX_LABELS = 10_000
"""Most labels in one request."""

MANY_LABELS = 500
"""Fewer are judged within a millisecond or two."""

MAX_WAITING_LABELS = 100_000
"""Labels that may wait to be written; what comes then is refused."""

NO_RECORD = (
    "Labels are not taken here: MODEL_SERVER_RECORD, the folder that predictions and their labels "
    "are recorded in, is not set."
)


class Feedback:
    """Takes labels for the served models; used on the worker's event loop.

    Args:
        record: Where they are written.
        models: The served models, by name.
        metrics: Counts them.
        seconds: Time that writing may take.
    """

    def __init__(
        self,
        record: Record,
        models: Mapping[str, Bundle[Any, Any]],
        metrics: LabelMetrics,
        seconds: float,
    ) -> None:
        self._record = record
        self._tags: dict[str, str] = {}
        self._kinds: dict[str, LabelKind] = {}
        for bundle in models.values():
            self.follow(bundle)
        self._metrics = metrics
        self._seconds = seconds
        self._waiting = 0

    def follow(self, bundle: Bundle[Any, Any], *beside: Bundle[Any, Any]) -> None:
        """Judges labels of a model by the version that is served from now on.

        Args:
            bundle: The version.
            *beside: Others that answer some requests, and may know other classes.
        """
        name = bundle.model.name
        self._tags[name] = bundle.tag
        known = dict.fromkeys(one for each in (bundle, *beside) for one in each.card.classes)
        self._kinds[name] = label_kind(bundle.model, list(known))

    async def take(
        self, labels: Sequence[Label], request_id: str, route: str, protocol: str
    ) -> int:
        """Writes the labels of a request; returns how many there are.

        Args:
            labels: The labels.
            request_id: Id of the request.
            route: Its route, as in the metrics.
            protocol: Its protocol, as in the metrics.

        Raises:
            ServingError: `invalid_input`: some are none, and then none is taken; `unavailable`:
                they cannot be written.
        """
        if len(labels) < MANY_LABELS:
            events = self._events(labels)
        else:
            events = await write_beside(self._events, labels)
        entries = [
            entry_of(event, request_id, route, protocol, self._tags[event.model])
            for event in events
        ]
        if self._waiting + len(entries) > MAX_WAITING_LABELS:
            self._metrics.refused(len(entries))
            raise ServingError(Code.OVERLOADED)
        self._waiting += len(entries)
        try:
            async with asyncio.timeout(self._seconds):
                kept = await self._record.keep(entries)
        except TimeoutError:
            kept = False
        finally:
            self._waiting -= len(entries)
        if not kept:
            self._metrics.refused(len(entries))
            message = "The labels cannot be written; try again later."
            raise ServingError(Code.UNAVAILABLE, message)
        for model, count in Counter(event.model for event in events).items():
            self._metrics.accepted(model, count)
        return len(entries)

    def _events(self, labels: Sequence[Label]) -> list[LabelEvent]:
        now = datetime.now(UTC)
        events: list[LabelEvent] = []
        problems: list[Problem] = []
        for index, label in enumerate(labels):
            try:
                events.append(event_of(label, self._kinds.get, now))
            except UnfitLabelError as error:
                place = ("labels", index, error.field)
                problems.append(problem(place, str(error), "label_unfit"))
        if problems:
            self._metrics.refused(len(problems))
            raise ServingError.from_details(problems)
        return events
