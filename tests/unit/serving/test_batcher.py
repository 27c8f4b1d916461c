"""The batcher: answers belong to their callers, whatever happens around them."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from serving import batcher as batcher_module
from serving.batcher import Batcher, Limits
from serving.computation import Chunk, computation
from serving.errors import Code, ServingError
from serving.metrics import BatchMetrics
from serving.threads import Threads

DEADLINE_SECONDS = 10
WIDE = Limits(max_batch_rows=100, max_queue_rows=1_000, max_latency=10, timeout=10)

Outcome = list[Any] | BaseException


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs an async test; one that hangs fails."""
    asyncio.run(asyncio.wait_for(test(), DEADLINE_SECONDS))


@contextlib.contextmanager
def threads(count: int = 2) -> Iterator[Threads]:
    """Threads that are ended."""
    pool = Threads(count)
    yield pool
    pool.close()


async def ticks(count: int) -> None:
    """Lets the loop go round, so that whatever is due happens."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop and its threads go on until a condition is true."""
    while not condition():  # noqa: ASYNC110 - what is awaited has no event of its own
        await asyncio.sleep(0.001)


class Model:
    """A predictor that records its batches and can be held up at a gate."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, rows: list[Any]) -> list[Any]:
        """Answers each row with its double; fails for a batch with a negative one."""
        self.batches.append(rows)
        await self.gate.wait()
        if any(row < 0 for row in rows):
            raise ValueError(f"negative: {rows}")
        return [2 * row for row in rows]

    @property
    def sizes(self) -> list[int]:
        """Rows of each batch so far."""
        return [len(batch) for batch in self.batches]


@dataclass
class Bench:
    """A batcher with its model and its metrics."""

    model: Model
    batcher: Batcher
    metrics: BatchMetrics
    tasks: list["asyncio.Task[list[Any]]"] = field(default_factory=list)

    async def submit(self, *rows: Any) -> "asyncio.Task[list[Any]]":
        """Submits rows; returns once they are queued, in a batch, or refused."""
        task = asyncio.ensure_future(self.batcher.submit(rows))
        self.tasks.append(task)
        await ticks(3)
        return task


@contextlib.asynccontextmanager
async def bench(limits: Limits = WIDE, predict: Any = None) -> AsyncIterator[Bench]:
    """A bench whose queue must be empty in the end."""
    with threads() as pool:
        model, metrics = Model(), BatchMetrics()
        # A bound method of an object with an async `__call__`, as partial objects are, is async.
        compute = computation(predict or model.__call__)
        made = Bench(model, Batcher(compute, limits, pool, metrics), metrics)
        yield made
        model.gate.set()
        await asyncio.gather(*made.tasks, return_exceptions=True)
        await until(lambda: not made.batcher.busy)
        assert made.batcher.queued_rows == metrics.queued_rows() == 0


async def outcome(task: "asyncio.Task[list[Any]]") -> Outcome:
    """What became of a request."""
    return (await asyncio.gather(task, return_exceptions=True))[0]


def is_error(result: Outcome, code: Code) -> bool:
    """Whether a request was answered with a row of the error table."""
    return isinstance(result, ServingError) and result.code is code


# --- Anything may happen, and everybody still gets what is theirs -------------------------------

Row = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """One request of a scenario.

    Attributes:
        size: Number of rows.
        pause: Turns of the loop before it is sent.
        failing: Positions of rows the model cannot answer.
        cancelled_after: Turns of the loop after which the caller leaves; None if it stays.
        columnar: Whether it brings a feature matrix instead of rows.
    """

    size: int
    pause: int
    failing: frozenset[int]
    cancelled_after: int | None
    columnar: bool


REQUESTS = st.builds(
    Asked,
    size=st.integers(1, 12),
    pause=st.sampled_from([0, 0, 0, 1, 2, 5]),
    failing=st.one_of(
        st.just(frozenset[int]()), st.just(frozenset[int]()), st.frozensets(st.integers(0, 11))
    ),
    cancelled_after=st.one_of(st.none(), st.none(), st.integers(0, 8)),
    columnar=st.booleans(),
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

    def __init__(self, asked: list[Asked], duration: int) -> None:
        self.calls: list[Call] = []
        self.gone: set[int] = set()
        self.batcher: Batcher | None = None
        self._asked = asked
        self._duration = duration

    def compute(self, chunks: list[Chunk]) -> Any:
        """Records a batch and answers it."""
        self._record(chunks)
        return computation(self._predict, self._predict_features)(chunks)

    async def compute_async(self, chunks: list[Chunk]) -> Any:
        """The same, after some turns of the loop."""
        self._record(chunks)
        return await computation(self._predict_async, self._predict_features)(chunks)

    def _record(self, chunks: list[Chunk]) -> None:
        assert self.batcher is not None
        rows: list[Row] = [tuple(row) for chunk in chunks for row in chunk]
        failed = any(row in self._asked[request].failing for request, row in rows)
        late = {row for row in rows if row[0] in self.gone}
        self.calls.append(Call(rows, failed, self.batcher.queued_rows, late))

    def _predict(self, rows: list[Row]) -> list[str]:
        if any(row in self._asked[request].failing for request, row in rows):
            raise ValueError("a row that cannot be answered")
        return [answer(row) for row in rows]

    async def _predict_async(self, rows: list[Row]) -> list[str]:
        try:
            return self._predict(rows)
        finally:
            await ticks(self._duration)

    def _predict_features(self, features: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return {"answer": np.array(self._predict([tuple(row) for row in features.tolist()]))}


def answer(row: Row) -> str:
    """The one right answer to a row."""
    return f"{row[0]}/{row[1]}"


@pytest.mark.parametrize("mode", ["async", "inline", "thread"])
@settings(max_examples=400, deadline=None)
@given(
    asked=st.lists(REQUESTS, min_size=1, max_size=15),
    max_batch_rows=st.integers(1, 9),
    max_queue_rows=st.integers(12, 40),
    duration=st.integers(0, 6),
)
def test_everybody_gets_their_own(
    mode: str, asked: list[Asked], max_batch_rows: int, max_queue_rows: int, duration: int
) -> None:
    limits = Limits(max_batch_rows, max_queue_rows, max_latency=60, timeout=60)
    recorder, metrics = Recorder(asked, duration), BatchMetrics()
    compute = recorder.compute_async if mode == "async" else recorder.compute
    outcomes: list[Outcome] = []

    async def call(number: int, request: Asked) -> list[str]:
        assert recorder.batcher is not None
        rows = [(number, row) for row in range(request.size)]
        try:
            if request.columnar:
                columns = await recorder.batcher.submit(np.array(rows))
                return cast(list[str], columns["answer"].tolist())
            return cast(list[str], await recorder.batcher.submit(rows))
        except asyncio.CancelledError:
            recorder.gone.add(number)
            raise

    async def scenario() -> None:
        with threads() as pool:
            batcher = Batcher(compute, limits, pool, metrics)
            recorder.batcher = batcher
            if mode == "inline":  # A first batch, whose cost is unknown, runs in a thread.
                batcher._cost.observe(1, 0.0, contended=True)
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
    assert max(tried.values(), default=0) <= 2  # once in company, once alone
    for call in calls:
        assert 1 <= len(call.rows) <= limits.max_batch_rows
        assert 0 <= call.queued <= limits.max_queue_rows


# --- Batches --------------------------------------------------------------------------------


def test_a_lone_request_goes_out_alone_and_at_once() -> None:
    async def test() -> None:
        async with bench() as b:
            for row in range(5):
                task = await b.submit(row)
                assert b.model.batches[-1] == [row]
                assert await task == [2 * row]
            assert b.model.sizes == [1] * 5

    run(test)


def test_batches_form_while_one_is_running() -> None:
    async def test() -> None:
        async with bench() as b:
            b.model.gate.clear()
            tasks = [await b.submit(row) for row in range(11)]
            assert b.model.sizes == [1]
            assert b.batcher.queued_rows == 10
            b.model.gate.set()
            assert await asyncio.gather(*tasks) == [[2 * row] for row in range(11)]
            assert b.model.sizes == [1, 10]

    run(test)


def test_requests_that_arrive_together_go_out_together() -> None:
    async def test() -> None:
        async with bench() as b:
            answers = await asyncio.gather(*(b.batcher.submit([row]) for row in range(7)))
            assert answers == [[2 * row] for row in range(7)]
            assert b.model.sizes == [7]

    run(test)


def test_a_large_request_is_split_and_reassembled_in_order() -> None:
    async def test() -> None:
        async with bench(Limits(10, 1_000, 10, 10)) as b:
            large, small = await asyncio.gather(
                b.batcher.submit(range(34)), b.batcher.submit(range(100, 103))
            )
            assert large == [2 * row for row in range(34)]
            assert small == [200, 202, 204]
            assert b.model.sizes == [10, 10, 10, 7]

    run(test)


def test_the_model_may_answer_with_an_array() -> None:
    async def test() -> None:
        async with bench(Limits(4, 100, 10, 10), predict=lambda rows: np.array(rows) * 2) as b:
            large, small = await asyncio.gather(b.batcher.submit(range(9)), b.batcher.submit([50]))
            assert list(large) == [2 * row for row in range(9)]
            assert list(small) == [100]

    run(test)


# --- The place where a batch runs -----------------------------------------------------------


def test_a_cheap_batch_runs_on_the_loop_once_its_cost_is_known() -> None:
    places: list[int] = []

    def predict(rows: list[int]) -> list[int]:
        places.append(threading.get_ident())
        return rows

    async def test() -> None:
        async with bench(predict=predict) as b:
            for row in range(3):
                assert await b.batcher.submit([row]) == [row]

    run(test)
    assert [place == threading.get_ident() for place in places] == [False, True, True]


def test_an_expensive_batch_runs_beside_the_loop() -> None:
    places: list[int] = []

    def predict(rows: list[int]) -> list[int]:
        places.append(threading.get_ident())
        time.sleep(2 * batcher_module.INLINE_SECONDS)
        return rows

    async def test() -> None:
        async with bench(predict=predict) as b:
            for row in range(4):
                assert await b.batcher.submit([row]) == [row]

    run(test)
    assert threading.get_ident() not in places


def test_the_loops_own_thread_counts_among_the_threads() -> None:
    gate = threading.Event()
    places: list[int] = []

    def slow(rows: list[int]) -> list[int]:
        gate.wait(DEADLINE_SECONDS)
        return rows

    def fast(rows: list[int]) -> list[int]:
        places.append(threading.get_ident())
        return rows

    async def test() -> None:
        with threads(1) as pool:
            one = Batcher(computation(slow), WIDE, pool, BatchMetrics())
            other = Batcher(computation(fast), WIDE, pool, BatchMetrics())
            await other.submit([0])
            await other.submit([1])
            held = asyncio.ensure_future(one.submit([2]))
            await ticks(2)
            waiting = asyncio.ensure_future(other.submit([3]))
            await ticks(5)
            assert not waiting.done()
            gate.set()
            assert (await held, await waiting) == ([2], [3])

    run(test)
    assert [place == threading.get_ident() for place in places] == [False, True, False]


# --- Failures -------------------------------------------------------------------------------


def test_only_the_culprit_gets_the_error() -> None:
    async def test() -> None:
        async with bench() as b:
            results = await asyncio.gather(
                *(b.batcher.submit(rows) for rows in ([1, 2], [3, -4], [5])), return_exceptions=True
            )
            assert [results[0], results[2]] == [[2, 4], [10]]
            assert str(results[1]) == "negative: [3, -4]"
            assert b.model.batches == [[1, 2, 3, -4, 5], [1, 2], [3, -4], [5]]

    run(test)


def test_a_failing_request_is_not_computed_any_further() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, 10, 10)) as b:
            result = await outcome(await b.submit(-1, 2, 3, 4, 5))
            assert isinstance(result, ValueError)
            assert b.model.batches == [[-1, 2]]

    run(test)


NOT_ANSWERS: dict[str, Callable[[list[Any]], Any]] = {
    "none": lambda rows: None,
    "too few": lambda rows: rows[1:],
    "too many": lambda rows: [*rows, 0],
    "a number": lambda rows: 7.0,
    "a dictionary": dict.fromkeys,
    "an iterator": iter,
    "a scalar array": lambda rows: np.float64(1),
}


@pytest.mark.parametrize("name", NOT_ANSWERS)
@pytest.mark.parametrize("inline", [False, True])
def test_what_are_no_answers_is_an_error_for_each_caller(name: str, inline: bool) -> None:
    answer_with: Callable[[list[Any]], Any] = list

    def predict(rows: list[Any]) -> Any:
        return answer_with(rows)

    async def test() -> None:
        nonlocal answer_with
        async with bench(predict=predict) as b:
            if inline:
                await b.batcher.submit([0])
            answer_with = NOT_ANSWERS[name]
            results = await asyncio.gather(
                b.batcher.submit([1, 2]), b.batcher.submit([3]), return_exceptions=True
            )
            assert all(isinstance(result, (TypeError, ValueError)) for result in results), results
            answer_with = list
            assert await b.batcher.submit([4]) == [4]

    run(test)


def test_a_batch_that_is_cancelled_from_within_is_answered_as_unavailable() -> None:
    async def predict(rows: list[int]) -> list[int]:
        raise asyncio.CancelledError

    async def test() -> None:
        async with bench(predict=predict) as b:
            assert is_error(await outcome(await b.submit(1)), Code.UNAVAILABLE)

    run(test)


# --- Refusals -------------------------------------------------------------------------------


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def test() -> None:
        async with bench(Limits(2, 6, 10, 10)) as b:
            b.model.gate.clear()
            await b.submit(0)
            waiting = [await b.submit(1, 2, 3), await b.submit(4, 5, 6)]
            refused = await outcome(await b.submit(7))
            assert isinstance(refused, ServingError)
            assert refused.code is Code.OVERLOADED
            ((name, value),) = refused.headers
            assert name == "retry-after"
            assert int(value) >= 1
            assert b.metrics.refusals == {"queue_full": 1}
            b.model.gate.set()
            assert await asyncio.gather(*waiting) == [[2, 4, 6], [8, 10, 12]]
            assert await b.batcher.submit([8]) == [16]
            assert not any(7 in batch for batch in b.model.batches)

    run(test)


def test_a_request_that_would_wait_too_long_is_refused_at_once() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=3, timeout=60)) as b:
            for _ in range(8):
                b.batcher._cost.observe(1, 2.0, contended=True)
            b.model.gate.clear()
            await b.submit(0)
            refused = await outcome(await b.submit(1))
            assert is_error(refused, Code.OVERLOADED)
            # The batch that runs is expected to take two more seconds.
            assert isinstance(refused, ServingError)
            assert refused.headers == [("retry-after", "2")]
            assert b.metrics.refusals == {"too_late": 1}
        assert b.model.batches == [[0]]

    run(test)


def test_a_lone_request_is_computed_however_long_it_takes() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=3, timeout=60)) as b:
            for _ in range(8):
                b.batcher._cost.observe(8, 80.0, contended=True)
            assert await b.batcher.submit(range(8)) == [2 * row for row in range(8)]

    run(test)


def test_a_request_that_has_waited_too_long_is_refused_instead_of_computed() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=0.05, timeout=60)) as b:
            b.model.gate.clear()
            first = await b.submit(0)
            late = await b.submit(1)
            arrived = time.monotonic()
            await until(lambda: time.monotonic() > arrived + 0.06)
            b.model.gate.set()
            assert is_error(await outcome(late), Code.OVERLOADED)
            assert await first == [0]
            assert b.metrics.refusals == {"too_late": 1}
        assert b.model.batches == [[0]]

    run(test)


# --- Callers that leave, and time-outs ------------------------------------------------------


def test_a_caller_that_leaves_the_queue_is_not_computed_and_frees_its_place() -> None:
    async def test() -> None:
        async with bench(Limits(10, 3, 10, 10)) as b:
            b.model.gate.clear()
            first = await b.submit(0)
            gone = await b.submit(1, 2, 3)
            assert is_error(await outcome(await b.submit(4)), Code.OVERLOADED)
            gone.cancel()
            await ticks(2)
            assert b.batcher.queued_rows == 0
            stays = await b.submit(5, 6)
            b.model.gate.set()
            assert (await first, await stays) == ([0], [10, 12])
            assert b.model.batches == [[0], [5, 6]]

    run(test)


def test_a_caller_that_leaves_in_the_middle_is_not_computed_any_further() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, 10, 10)) as b:
            b.model.gate.clear()
            gone = await b.submit(*range(10))
            stays = await b.submit(20)
            gone.cancel()
            await ticks(2)
            assert b.batcher.queued_rows == 1
            b.model.gate.set()
            assert await stays == [40]
            assert b.model.batches == [[0, 1], [20]]

    run(test)


def test_a_caller_that_leaves_a_batch_disturbs_nobody_in_it() -> None:
    async def test() -> None:
        async with bench() as b:
            b.model.gate.clear()
            tasks = [asyncio.ensure_future(b.batcher.submit([row])) for row in range(3)]
            await until(lambda: b.model.batches)
            tasks[1].cancel()
            b.model.gate.set()
            first, middle, last = await asyncio.gather(*tasks, return_exceptions=True)
            assert (first, last) == ([0], [4])
            assert isinstance(middle, asyncio.CancelledError)

    run(test)


def test_a_caller_that_leaves_before_its_batch_is_tried_again_is_not_tried() -> None:
    async def test() -> None:
        async with bench() as b:
            b.model.gate.clear()
            tasks = [asyncio.ensure_future(b.batcher.submit([row])) for row in (1, 2, -3)]
            await until(lambda: b.model.batches)
            tasks[1].cancel()
            b.model.gate.set()
            first, _, last = await asyncio.gather(*tasks, return_exceptions=True)
            assert first == [2]
            assert isinstance(last, ValueError)
            assert b.model.batches == [[1, 2, -3], [1], [-3]]

    run(test)


def test_time_outs_are_answered_and_free_their_place() -> None:
    async def test() -> None:
        async with bench(Limits(10, 2, max_latency=10, timeout=0.05)) as b:
            b.model.gate.clear()
            running, queued = await b.submit(0), await b.submit(1, 2)
            assert is_error(await outcome(await b.submit(3)), Code.OVERLOADED)
            assert is_error(await outcome(running), Code.DEADLINE_EXCEEDED)
            assert is_error(await outcome(queued), Code.DEADLINE_EXCEEDED)
            assert b.batcher.queued_rows == 0
            assert b.model.batches == [[0]]
            b.model.gate.set()
            await until(lambda: not b.batcher.busy)
            assert await b.batcher.submit([4]) == [8]
            assert b.model.batches == [[0], [4]]

    run(test)


def test_a_request_behind_a_batch_whose_callers_have_all_timed_out_times_out_too() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=10, timeout=0.05)) as b:
            b.model.gate.clear()
            assert is_error(await outcome(await b.submit(0)), Code.DEADLINE_EXCEEDED)
            # The model still hangs, and for some time nobody waited for it.
            behind = await asyncio.wait_for(outcome(await b.submit(1)), 2)
            assert is_error(behind, Code.DEADLINE_EXCEEDED)
        assert b.model.batches == [[0]]

    run(test)


def test_a_request_behind_one_that_has_just_left_times_out_too() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=10, timeout=0.2)) as b:
            b.model.gate.clear()
            first = await b.submit(0)
            gone, behind = await b.submit(1), await b.submit(2)
            started = time.monotonic()
            gone.cancel()
            first.cancel()
            assert is_error(await outcome(behind), Code.DEADLINE_EXCEEDED)
            assert time.monotonic() - started < 2

    run(test)


def test_a_late_answer_reaches_nobody_else() -> None:
    async def test() -> None:
        async with bench(Limits(1, 100, max_latency=10, timeout=0.05)) as b:
            b.model.gate.clear()
            assert is_error(await outcome(await b.submit(1, 2, 3)), Code.DEADLINE_EXCEEDED)
            b.model.gate.set()
            await until(lambda: not b.batcher.busy)
            assert await b.batcher.submit([9]) == [18]
            assert b.model.batches == [[1], [9]]

    run(test)
