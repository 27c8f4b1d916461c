"""What a worker records: taken on the event loop, handed to a thread twenty times a second."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from framework.record.folder import RecordFolder
from framework.record.frames import PREDICTION, EntryTuple, Refusal
from framework.record.ids import prediction_ids
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.errors import ServingError
from serving.record.private import Redaction, Unread
from serving.record.spool import Spool, SpoolLimits
from serving.record.thread import Batch, SpoolThread
from serving.settings import Settings

HAND_OVER_SECONDS = 0.05
MAX_WAITING_ENTRIES = 100_000
MAX_WAITING_BYTES = 64 * 2**20
"""Requests and answers that may wait to be written; what comes then goes unrecorded."""

END_SECONDS = 10.0
_TOO_SLOW, _STOPPED = "too_slow", "stopped"
RECORD_REASONS = (_TOO_SLOW, _STOPPED)
"""Why entries are not handed over."""

_encode = msgspec.json.encode
Headers = dict[bytes, bytes]
ReadRows = Callable[[bytes, Headers], Chunk]


class Record:
    """The record of one worker; made and used on its event loop.

    Args:
        folder: The record's folder.
        settings: How much is recorded and kept.

    Attributes:
        spool: Where it is written.
        thread: What writes.
        dropped: Entries that were not handed over, by reason.
    """

    def __init__(self, folder: RecordFolder, settings: Settings) -> None:
        self._folder = folder
        self.sample = settings.record_sample
        self.spool = Spool(
            folder, SpoolLimits(settings.record_spool_bytes, settings.record_file_seconds)
        )
        self.thread = SpoolThread(self.spool)
        self.thread.start()
        self.dropped: dict[str, int] = defaultdict(int)
        self._pending: list[EntryTuple] = []
        self._pending_bytes = 0
        self._is_private = False
        self._taken_entries = self._taken_bytes = 0
        self._handing_over: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        return self._taken_entries - self.thread.done_entries

    def add(self, entry: EntryTuple, size: int, *, is_private: bool = False) -> None:
        """Takes an entry, if there is room.

        Args:
            entry: The entry; its body may be an `Unread`.
            size: Bytes of request and answer.
            is_private: Whether it is.
        """
        thread = self.thread
        if (
            self._taken_entries - thread.done_entries >= MAX_WAITING_ENTRIES
            or self._taken_bytes + size - thread.done_bytes > MAX_WAITING_BYTES
        ):
            self.dropped[_TOO_SLOW] += 1
            return
        self._pending.append(entry)
        self._pending_bytes += size
        self._taken_entries += 1
        self._taken_bytes += size
        if is_private:
            self._is_private = True
        if self._handing_over is None:
            loop = asyncio.get_running_loop()
            self._handing_over = loop.call_later(HAND_OVER_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        self._handing_over = None
        if self._pending:
            self.thread.hand_over(Batch(self._pending, self._pending_bytes, self._is_private))
            self._pending, self._pending_bytes, self._is_private = [], 0, False

    async def keep(self, entries: Sequence[EntryTuple]) -> bool:
        """Writes entries together, and waits for it; returns whether they are safe on the disk."""
        return await asyncio.wrap_future(self.thread.promise(entries))

    def close(self) -> None:
        """Writes what is left; nothing may be added any more."""
        if self._handing_over is not None:
            self._handing_over.cancel()
        self._hand_over()
        self.thread.end(END_SECONDS)
        if self.thread.is_alive():
            self.dropped[_STOPPED] += self.waiting

    def recorder(
        self, prediction: Prediction, route: str, protocol: str, read: ReadRows
    ) -> "Recorder | None":
        """Makes what records the requests to one route.

        Args:
            prediction: What answers them.
            route: Path of the API or method, as in the metrics.
            protocol: As in the metrics.
            read: Returns the rows of a request that was answered.

        Returns:
            It, or None: there is no model that takes its records from these requests.
        """
        if prediction.encoder is None or not prediction.model_tag:
            return None
        fields = prediction.encoder.fields
        is_private = any(field.recorded != "keep" for field in fields)
        return Recorder(
            self,
            route,
            protocol,
            prediction.model_tag,
            Redaction(fields, self._folder.root) if is_private else None,
            read,
            # Explanations repeat what they explain.
            keeps_answers=prediction.answers_as_model,
        )


class Recorder:
    """Records the requests to one route of one model.

    Args:
        record: The worker's record.
        route: Path of the API or method, as in the metrics.
        protocol: As in the metrics.
        model_tag: The exact model.
        redaction: What is left of its records, if some fields are private.
        read: Returns the rows of a request, if some fields are private.
        keeps_answers: Whether the answers hold nothing that is private.
    """

    def __init__(
        self,
        record: Record,
        route: str,
        protocol: str,
        model_tag: str,
        redaction: Redaction | None,
        read: ReadRows,
        *,
        keeps_answers: bool,
    ) -> None:
        self._record = record
        self._route = route
        self._protocol = protocol
        self._model_tag = model_tag
        self._redaction = redaction
        self._read = read
        self._keeps_answers = keeps_answers
        self._next_id = prediction_ids(model_tag.partition(":")[0])

    def identify(self) -> str:
        """Returns the id of a new request; empty if it is not one of the sample."""
        if self._record.sample < 1 and random.random() >= self._record.sample:  # noqa: S311
            return ""
        return self._next_id()

    def answered(
        self,
        prediction_id: str,
        request_id: str,
        content_type: str,
        body: bytes,
        answer: bytes,
        headers: Headers,
    ) -> None:
        """Records a request and its answer.

        Args:
            prediction_id: What `identify` returned.
            request_id: Id of the request.
            content_type: Of both.
            body: The request.
            answer: The answer.
            headers: Of the request, as far as its form depends on them.
        """
        content: Any = body
        if self._redaction is not None:
            content = Unread(body, headers, self._read, self._redaction)
            answer = answer if self._keeps_answers else b""
        self._add(
            prediction_id, request_id, 200, content_type, content, answer, len(body) + len(answer)
        )

    def refused(self, prediction_id: str, request_id: str, error: ServingError) -> None:
        """Records that a request was refused, and why, but nothing of it."""
        loc, kind = [], ""
        if error.detail:
            first = error.detail[0]
            # The name of a field that nobody knows is the client's own words.
            loc = first.loc[:-1] if first.type == "extra_forbidden" else first.loc
            kind = first.type
        answer = _encode(Refusal(error.code.code, loc, kind))
        self._add(prediction_id, request_id, error.status, "", b"", answer, len(answer))

    def left(self, prediction_id: str, request_id: str, status: int) -> None:
        """Records that a client left before it had its answer."""
        answer = _encode(Refusal("client_left"))
        self._add(prediction_id, request_id, status, "", b"", answer, len(answer))

    def _add(
        self,
        prediction_id: str,
        request_id: str,
        status: int,
        content_type: str,
        body: Any,
        answer: bytes,
        size: int,
    ) -> None:
        self._record.add(
            (
                PREDICTION,
                time.time_ns(),
                prediction_id,
                request_id,
                self._route,
                self._protocol,
                self._model_tag,
                status,
                content_type,
                body,
                answer,
            ),
            size,
            is_private=self._redaction is not None,
        )
