"""A share of what was answered is answered once more, by a shadow version that nobody hears of.

It happens when the answer has left, while no live batch waits or runs, and in a bounded share of
the time; what comes too fast goes unanswered, and is counted.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from framework import Answers
from framework.record.frames import PREDICTION, Entry
from framework.record.shadow import ShadowAnswers, entry_of
from serving.batching.prediction import Prediction
from serving.errors import ServingError
from serving.metrics import Metrics
from serving.record.recorder import LARGE_BYTES, Headers, ReadRows, Record, Recorder

SHARE_OF_TIME = 0.02
"""What a worker's shadows take of its time, at most."""

MAX_WAITING = 256
"""Requests that may wait for a shadow; further ones go unanswered."""

_BATCH = 16
_YIELD_SECONDS = 0.005
logger = logging.getLogger("bentoml.serving")


class Shadow:
    """A shadow version; used on the event loop.

    Args:
        prediction: What answers.
        share: Share of the requests that it gets.
        record: Where its answers are kept.
        is_busy: Whether a live batch waits or runs.
        metrics: Counts what becomes of the requests.
    """

    def __init__(
        self,
        prediction: Prediction,
        share: float,
        record: Record,
        is_busy: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._prediction = prediction
        self._share = share
        self._record = record
        self._is_busy = is_busy
        self._metrics = metrics
        self._tag = prediction.model_tag
        metrics.has_shadow(self._tag)
        self._waiting: deque[tuple[Entry, ReadRows, Headers]] = deque()
        self._work: asyncio.Task[None] | None = None

    def wants(self, body: bytes) -> bool:
        """Whether a request that was answered is one of the share, and there is room for it."""
        if random.random() >= self._share:  # noqa: S311 - a sample, not a secret
            return False
        if len(self._waiting) >= MAX_WAITING or len(body) > LARGE_BYTES:
            self._metrics.shadowed(self._tag, "dropped")
            return False
        return True

    def take(self, answered: Entry, read: ReadRows, headers: Headers) -> None:
        """Takes a request that it wants.

        Args:
            answered: The request, and who answered it.
            read: Returns its rows.
            headers: Of the request, as far as its form depends on them.
        """
        self._waiting.append((answered, read, headers))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._go_on())

    def end(self) -> None:
        """Answers nothing any more."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()

    async def _go_on(self) -> None:
        while self._waiting:
            if self._is_busy():
                await asyncio.sleep(_YIELD_SECONDS)
                continue
            started = time.perf_counter()
            count = min(len(self._waiting), _BATCH)
            await self._answer([self._waiting.popleft() for _ in range(count)])
            spent = time.perf_counter() - started
            await asyncio.sleep(spent / SHARE_OF_TIME - spent)

    async def _answer(self, asked: Sequence[tuple[Entry, ReadRows, Headers]]) -> None:
        started = time.perf_counter()
        try:
            rows = [read(entry.body, headers) for entry, read, headers in asked]
            found = await asyncio.gather(*(self._prediction.submit(each) for each in rows))
        except Exception:
            logger.exception("Shadow %s fails", self._tag)
            self._metrics.shadowed(self._tag, "failed", len(asked))
            return
        seconds = (time.perf_counter() - started) / max(1, sum(map(len, rows)))
        for (entry, *_), answers in zip(asked, found, strict=True):
            version = entry.model_tag.partition(":")[2]
            said = ShadowAnswers(_plain(answers), seconds, version)
            self._record.add(entry_of(entry, self._tag, said))
        self._metrics.shadowed(self._tag, "answered", len(asked))


class ShadowedRecord:
    """A record whose requests are offered to a shadow.

    Args:
        record: The record.
        shadow: The shadow.
    """

    def __init__(self, record: Record, shadow: Shadow) -> None:
        self._record = record
        self._shadow = shadow

    def recorder(
        self, prediction: Prediction, route: str, protocol: str, read: ReadRows
    ) -> Recorder | None:
        """See `Record.recorder`."""
        made = self._record.recorder(prediction, route, protocol, read)
        if made is None or not prediction.answers_as_model:
            return made
        return _Shadowed(made, self._shadow, (route, protocol, prediction.model_tag), read)


class _Shadowed(Recorder):
    """Records as another recorder does, and offers what was answered to a shadow."""

    def __init__(
        self, recorder: Recorder, shadow: Shadow, told: tuple[str, str, str], read: ReadRows
    ) -> None:
        self._recorder = recorder
        self._shadow = shadow
        self._told = told
        self._read = read
        self.identify = recorder.identify

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
        self._recorder.answered(
            prediction_id, request_id, content_type, body, answer, headers, status
        )
        if self._shadow.wants(body):
            asked = (PREDICTION, time.time_ns(), prediction_id, request_id, *self._told)
            self._shadow.take(Entry(*asked, status, content_type, body, b""), self._read, headers)

    def refused(self, prediction_id: str, request_id: str, error: ServingError) -> None:
        """See `Recorder`."""
        self._recorder.refused(prediction_id, request_id, error)

    def left(self, prediction_id: str, request_id: str, status: int) -> None:
        """See `Recorder`."""
        self._recorder.left(prediction_id, request_id, status)


def _plain(answers: Sequence[Any]) -> list[dict[str, Any]]:
    if type(answers) is Answers:
        return answers.dicts()
    return [answer.model_dump(mode="json") for answer in answers]
