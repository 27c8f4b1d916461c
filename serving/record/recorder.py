"""What a worker records: taken on the event loop, handed to a thread twenty times a second."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any, Protocol

import msgspec

from framework.record.folder import RecordFolder
from framework.record.frames import PREDICTION, EntryTuple, Refusal, encode_into
from framework.record.ids import prediction_ids
from serving.batching.computation import Chunk
from serving.batching.prediction import Prediction
from serving.errors import ServingError
from serving.record.private import Redaction, Unread
from serving.record.spool import Spool, SpoolLimits
from serving.record.thread import Batch, SpoolThread
from serving.settings import Settings

HAND_OVER_SECONDS = 0.05
MAX_WAITING_BYTES = 64 * 2**20
"""What may wait to be written; what comes then goes unrecorded."""

LARGE_BYTES = 64 * 1024
"""A larger request is copied by the thread."""

END_SECONDS = 10.0
_TOO_SLOW, _STOPPED = "too_slow", "stopped"
RECORD_REASONS = (_TOO_SLOW, _STOPPED)
"""Why entries are not handed over."""

_encode = msgspec.json.encode
Headers = dict[bytes, bytes]
ReadRows = Callable[[bytes, Headers], Chunk]


class Recorders(Protocol):
    """What makes recorders."""

    def recorder(
        self, prediction: Prediction, route: str, protocol: str, read: ReadRows
    ) -> "Recorder | None":
        """See `Record.recorder`."""
        ...


class Record:
    """The record of one worker; made and used on its event loop.

    Args:
        folder: The record's folder.
        settings: How much is recorded and kept.

    Attributes:
        spool: Where it is written.
        thread: What writes.
        dropped: Entries that were not handed over, by reason.
        encoded: Entries to be handed over, encoded, behind a byte that is none of theirs.
        count: How many these are.
        most: Bytes that they may take.
    """

    def __init__(self, folder: RecordFolder, settings: Settings) -> None:
        self._folder = folder
        self._sample = settings.record_sample
        self.spool = Spool(
            folder, SpoolLimits(settings.record_spool_bytes, settings.record_file_seconds)
        )
        self.thread = SpoolThread(self.spool)
        self.thread.start()
        self.dropped: dict[str, int] = defaultdict(int)
        self.encoded, self.count = self.thread.buffer(), 0
        self.most = MAX_WAITING_BYTES
        # Further entries, and what they hold.
        self._others: list[EntryTuple] = []
        self._other_bytes = 0
        self._is_planned = False
        self._taken_entries = self._taken_bytes = 0

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        return self._taken_entries + self.count + len(self._others) - self.thread.done_entries

    def plan(self) -> None:
        """Has what there is handed over soon; to be called for the first of `encoded`."""
        if not self._is_planned:
            self._is_planned = True
            self._look_at_room()
            asyncio.get_running_loop().call_later(HAND_OVER_SECONDS, self._hand_over)

    def add(self, entry: EntryTuple) -> None:
        """Takes an entry that is large, or whose body is an `Unread`, or for which no room is left.

        It is dropped if there is not.
        """
        self.plan()
        size = len(entry[-2]) + len(entry[-1])
        if len(self.encoded) + self._other_bytes + size > self.most:
            self.dropped[_TOO_SLOW] += 1
        else:
            self._others.append(entry)
            self._other_bytes += size

    def _hand_over(self) -> None:
        self._is_planned = False
        if self.count or self._others:
            size = len(self.encoded) + self._other_bytes
            self.thread.hand_over(Batch(self.encoded, self.count, self._others, size))
            self._taken_entries += self.count + len(self._others)
            self._taken_bytes += size
            self.encoded, self.count = self.thread.buffer(), 0
            self._others, self._other_bytes = [], 0
        self._look_at_room()

    def _look_at_room(self) -> None:
        self.most = MAX_WAITING_BYTES - (self._taken_bytes - self.thread.done_bytes)

    async def keep(self, entries: Sequence[EntryTuple]) -> bool:
        """Writes entries together, and waits for it; returns whether they are safe on the disk."""
        return await asyncio.wrap_future(self.thread.promise(entries))

    def close(self) -> None:
        """Writes what is left; nothing may be added any more."""
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
        told = (self, route, protocol, prediction.model_tag, self._sample)
        if all(field.recorded == "keep" for field in fields):
            return Recorder(*told)
        redaction = Redaction(fields, self._folder.root)
        # Explanations repeat what they explain.
        return PrivateRecorder(*told, redaction, read, keeps_answers=prediction.answers_as_model)


class Recorder:
    """Records the requests to one route of one model.

    Args:
        record: The worker's record.
        route: Path of the API or method, as in the metrics.
        protocol: As in the metrics.
        model_tag: The exact model.
        sample: Share of the requests that is recorded.

    Attributes:
        identify: Returns the id of a new request; empty if it is not one of the sample.
    """

    def __init__(
        self, record: Record, route: str, protocol: str, model_tag: str, sample: float
    ) -> None:
        self._record = record
        self._route = route
        self._protocol = protocol
        self._model_tag = model_tag
        next_id = prediction_ids(model_tag.partition(":")[0])
        self.identify: Callable[[], str] = (
            next_id if sample == 1 else lambda: next_id() if random.random() < sample else ""  # noqa: S311
        )

    def answered(
        self,
        prediction_id: str,
        request_id: str,
        content_type: str,
        body: bytes,
        answer: bytes,
        headers: Headers,
        status: int = 200,
    ) -> None:
        """Records a request and its answer.

        Args:
            prediction_id: What `identify` returned.
            request_id: Id of the request.
            content_type: Of both.
            body: The request.
            answer: The answer.
            headers: Of the request, as far as its form depends on them.
            status: HTTP status of the outcome.
        """
        # All in one place: this is done for every request.
        record = self._record
        entry: EntryTuple = (
            PREDICTION,
            time_ns(),
            prediction_id,
            request_id,
            self._route,
            self._protocol,
            self._model_tag,
            status,
            content_type,
            body,
            answer,
        )
        if len(body) > LARGE_BYTES or len(record.encoded) > record.most:
            record.add(entry)
            return
        if not record.count:
            record.plan()
        record.count += 1
        # Kept as an object, it would keep the memory that the next requests use again.
        encode_into(entry, record.encoded, -1)

    def refused(self, prediction_id: str, request_id: str, error: ServingError) -> None:
        """Records that a request was refused, and why, but nothing of it."""
        refusal = Refusal(error.code.code)
        if error.detail:
            first = error.detail[0]
            # The name of a field that nobody knows is the client's own words.
            loc = first.loc[:-1] if first.type == "extra_forbidden" else first.loc
            refusal = Refusal(error.code.code, loc, first.type)
        self._failed(prediction_id, request_id, refusal, error.status)

    def left(self, prediction_id: str, request_id: str, status: int) -> None:
        """Records that a client left before it had its answer."""
        self._failed(prediction_id, request_id, Refusal("client_left"), status)

    def _failed(self, prediction_id: str, request_id: str, refusal: Refusal, status: int) -> None:
        answer = _encode(refusal)
        Recorder.answered(self, prediction_id, request_id, "", b"", answer, {}, status)


class PrivateRecorder(Recorder):
    """Records the requests to a model whose records have private fields.

    Args:
        record: See `Recorder`.
        route: See `Recorder`.
        protocol: See `Recorder`.
        model_tag: See `Recorder`.
        sample: See `Recorder`.
        redaction: What is left of the records.
        read: Returns the rows of a request.
        keeps_answers: Whether the answers hold nothing that is private.
    """

    def __init__(
        self,
        record: Record,
        route: str,
        protocol: str,
        model_tag: str,
        sample: float,
        redaction: Redaction,
        read: ReadRows,
        *,
        keeps_answers: bool,
    ) -> None:
        super().__init__(record, route, protocol, model_tag, sample)
        self._redaction = redaction
        self._read = read
        self._keeps_answers = keeps_answers

    def answered(
        self,
        prediction_id: str,
        request_id: str,
        content_type: str,
        body: bytes,
        answer: bytes,
        headers: Headers,
        status: int = 200,
    ) -> None:
        """See `Recorder`."""
        unread: Any = Unread(body, headers, self._read, self._redaction)
        kept = answer if self._keeps_answers else b""
        told = (self._route, self._protocol, self._model_tag, status, content_type)
        self._record.add((PREDICTION, time_ns(), prediction_id, request_id, *told, unread, kept))
