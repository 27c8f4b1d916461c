"""Callers that leave, and time-outs."""

import asyncio
import time
from typing import NoReturn

import pytest

from serving.batching import batcher as batcher_module
from serving.batching.ticket import Limits
from serving.errors import Code
from tests.unit.serving.batching.bench import bench, is_error, outcome, run, ticks, until


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


class LeftError(Exception):
    """The caller is gone."""


async def leave(gone: asyncio.Event) -> None:
    """Raises when the caller leaves."""
    await gone.wait()
    raise LeftError


def test_a_caller_that_leaves_the_first_long_request_of_all_is_noticed() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, 10, 10)) as b:
            b.model.gate.clear()
            gone = asyncio.Event()
            asked = asyncio.ensure_future(b.batcher.submit(range(10), lambda: leave(gone)))
            await until(lambda: b.model.batches)
            gone.set()
            assert isinstance(await outcome(asked), LeftError)
            assert b.batcher.queued_rows == 0
            b.model.gate.set()
        assert b.model.batches == [[0, 1]]

    run(test)


def test_a_caller_that_leaves_the_queue_by_itself_is_noticed() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, 10, 10)) as b:
            b.model.gate.clear()
            await b.submit(0)
            gone = asyncio.Event()
            asked = asyncio.ensure_future(b.batcher.submit([1, 2], lambda: leave(gone)))
            await until(lambda: b.batcher.queued_rows == 2)
            gone.set()
            assert isinstance(await outcome(asked), LeftError)
            assert b.batcher.queued_rows == 0

    run(test)


def test_nobody_looks_for_the_caller_of_what_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher_module, "INLINE_SECONDS", 60.0)

    def looked_for() -> NoReturn:
        raise AssertionError("looked for")

    async def test() -> None:
        async with bench(predict=list) as b:
            await b.batcher.submit([0])
            assert await b.batcher.submit([1], looked_for) == [1]

    run(test)


def test_a_batch_that_does_not_end_is_told_after_twice_the_time_out() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, max_latency=10, timeout=0.05)) as b:
            assert not b.batcher.hangs
            b.model.gate.clear()
            started = time.monotonic()
            asked = await b.submit(0)
            assert not b.batcher.hangs
            await until(lambda: b.batcher.hangs)
            assert time.monotonic() - started > 2 * 0.05
            assert is_error(await outcome(asked), Code.DEADLINE_EXCEEDED)
            b.model.gate.set()
            await until(lambda: not b.batcher.hangs)

    run(test)
