"""Anything may happen, and everybody still gets what is theirs."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from framework import Answers, Records
from framework.encoder import Encoder
from serving.batching import batcher as batcher_module
from serving.batching.batcher import Batcher
from serving.batching.computation import Chunk, computation
from serving.batching.ticket import Limits
from serving.counts import BatchMetrics
from serving.errors import Code
from tests.unit.serving.batching.bench import Outcome, is_error, run, threads, ticks, until

Row = tuple[int, int]
Form = Literal["rows", "records", "records and objects"]
"""How an API's rows travel: as a list, as `Records` that get `Answers`, or that get a list."""


class Place(BaseModel):
    """A row as a record."""

    request: int
    row: int


class Said(BaseModel):
    """The answer to a record."""

    text: str


ENCODER = Encoder(Place)


@dataclass(frozen=True)
class Asked:
    """One request of a scenario.

    Attributes:
        size: Number of rows.
        pause: Turns of the loop before it is sent.
        failing: Positions of rows the model cannot answer.
        cancelled_after: Turns of the loop after which the caller leaves; None if it stays.
    """

    size: int
    pause: int
    failing: frozenset[int]
    cancelled_after: int | None


REQUESTS = st.builds(
    Asked,
    size=st.integers(1, 12),
    pause=st.sampled_from([0, 0, 0, 1, 2, 5]),
    failing=st.one_of(
        st.just(frozenset[int]()), st.just(frozenset[int]()), st.frozensets(st.integers(0, 11))
    ),
    cancelled_after=st.one_of(st.none(), st.none(), st.integers(0, 8)),
)


@dataclass
class Call:
    """One call of the model."""

    rows: list[Row]
    failed: bool
    queued: int
    after_leaving: set[Row]


class Recorder:
    """A model that fails for chosen rows, however they come, and records how it is used."""

    def __init__(self, asked: list[Asked], duration: int, form: Form) -> None:
        self.calls: list[Call] = []
        self.gone: set[int] = set()
        self.batcher: Batcher | None = None
        self._asked = asked
        self._duration = duration
        self._form = form

    def compute(self, chunks: list[Chunk]) -> Any:
        """Records a batch and answers it."""
        self._record(chunks)
        return computation(self._predict)(chunks)

    async def compute_async(self, chunks: list[Chunk]) -> Any:
        """The same, after some turns of the loop."""
        self._record(chunks)
        return await computation(self._predict_async)(chunks)

    def _record(self, chunks: list[Chunk]) -> None:
        assert self.batcher is not None
        rows = [row for chunk in chunks for row in plain(chunk)]
        failed = any(row in self._asked[request].failing for request, row in rows)
        late = {row for row in rows if row[0] in self.gone}
        self.calls.append(Call(rows, failed, self.batcher.queued_rows, late))

    def _predict(self, rows: Chunk) -> Sequence[Any]:
        assert isinstance(rows, Records) == (self._form != "rows")
        if any(row in self._asked[request].failing for request, row in plain(rows)):
            raise ValueError("a row that cannot be answered")
        texts = [answer(row) for row in plain(rows)]
        match self._form:
            case "rows":
                return texts
            case "records":
                return Answers(Said, {"text": np.array(texts, dtype=object)})
            case _:
                return [Said(text=text) for text in texts]

    async def _predict_async(self, rows: Chunk) -> Sequence[Any]:
        try:
            return self._predict(rows)
        finally:
            await ticks(self._duration)


def plain(rows: Chunk) -> list[Row]:
    """Rows of either form as pairs."""
    return [(row.request, row.row) if isinstance(row, Place) else row for row in rows]


def made(number: int, size: int, form: Form) -> Chunk:
    """The rows of a request."""
    rows = [(number, row) for row in range(size)]
    return rows if form == "rows" else Records.of_values(ENCODER, list(rows))


def answer(row: Row) -> str:
    """The one right answer to a row."""
    return f"{row[0]}/{row[1]}"


@pytest.mark.parametrize("mode", ["async", "inline", "thread"])
@given(
    form=st.sampled_from(get_args(Form)),
    asked=st.lists(REQUESTS, min_size=1, max_size=15),
    max_batch_rows=st.integers(1, 9),
    max_queue_rows=st.integers(12, 40),
    duration=st.integers(0, 6),
)
def test_everybody_gets_their_own(
    mode: str,
    form: Form,
    asked: list[Asked],
    max_batch_rows: int,
    max_queue_rows: int,
    duration: int,
) -> None:
    limits = Limits(max_batch_rows, max_queue_rows, max_latency=60, timeout=60)
    recorder, metrics = Recorder(asked, duration, form), BatchMetrics()
    compute = recorder.compute_async if mode == "async" else recorder.compute
    outcomes: list[Outcome] = []

    async def call(number: int, request: Asked) -> list[str]:
        assert recorder.batcher is not None
        try:
            answers = await recorder.batcher.submit(made(number, request.size, form))
            return [one.text if isinstance(one, Said) else one for one in answers]
        except asyncio.CancelledError:
            recorder.gone.add(number)
            raise

    async def scenario() -> None:
        with threads() as pool:
            batcher = Batcher(compute, limits, pool, metrics)
            recorder.batcher = batcher
            if mode == "inline":  # A first batch, whose cost is unknown, runs in a thread.
                batcher._cost.observe(15, 0.0, contended=True)
            tasks = []
            leaving = []
            for number, request in enumerate(asked):
                await ticks(request.pause)
                task = asyncio.ensure_future(call(number, request))
                tasks.append(task)
                if request.cancelled_after is not None:
                    leaving.append(asyncio.ensure_future(leave(task, request.cancelled_after)))
                assert 0 <= batcher.queued_rows <= max_queue_rows
            outcomes.extend(await asyncio.gather(*tasks, return_exceptions=True))
            await asyncio.gather(*leaving)
            await until(lambda: not batcher.busy)
            assert batcher.queued_rows == 0

    async def leave(task: "asyncio.Task[Any]", after: int) -> None:
        await ticks(after)
        task.cancel()

    with pytest.MonkeyPatch.context() as patch:
        # A negative price for threads: whatever a batch costs, it does not run on the loop.
        patch.setattr(batcher_module, "INLINE_SECONDS", -1.0 if mode == "thread" else 60.0)
        patch.setattr(batcher_module, "LONG_SECONDS", 60.0)
        run(scenario)

    check_outcomes(asked, outcomes, recorder.calls)
    check_calls(recorder.calls, limits)
    if mode != "thread":  # which may start on a batch a little after the loop gave it away
        assert not any(call.after_leaving for call in recorder.calls)
    refused = sum(is_error(result, Code.OVERLOADED) for result in outcomes)
    assert metrics.refusals.get("queue_full", 0) == refused
    assert sum(metrics.batch_rows.counts) == len(recorder.calls)
    assert metrics.batch_rows.total == sum(len(call.rows) for call in recorder.calls)


def check_outcomes(asked: list[Asked], outcomes: list[Outcome], calls: list[Call]) -> None:
    """Every caller got its own answers, its own error, or a refusal before any work."""
    computed = {row[0] for call in calls for row in call.rows}
    for number, (request, result) in enumerate(zip(asked, outcomes, strict=True)):
        if is_error(result, Code.OVERLOADED):
            assert number not in computed
        elif isinstance(result, asyncio.CancelledError):
            assert request.cancelled_after is not None
        elif request.failing & set(range(request.size)):
            assert type(result) is ValueError
        else:
            assert result == [answer((number, row)) for row in range(request.size)]


def check_calls(calls: list[Call], limits: Limits) -> None:
    """No row was computed twice, no batch was too large, the queue was never too long."""
    computed = Counter(row for call in calls if not call.failed for row in call.rows)
    tried = Counter(row for call in calls if call.failed for row in call.rows)
    assert max(computed.values(), default=1) == 1
    # In company, and in each half of it down to itself alone.
    assert max(tried.values(), default=0) <= 1 + math.ceil(math.log2(limits.max_batch_rows))
    for call in calls:
        assert 1 <= len(call.rows) <= limits.max_batch_rows
        assert 0 <= call.queued <= limits.max_queue_rows
