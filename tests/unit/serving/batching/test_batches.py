"""Which batches form, and where they run."""

import asyncio
import threading
import time

import numpy as np

from serving.batching import batcher as batcher_module
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.ticket import Limits
from serving.metrics import BatchMetrics
from tests.unit.serving.batching.bench import DEADLINE_SECONDS, WIDE, bench, run, threads, ticks


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


def test_a_short_batch_runs_inline_once_its_cost_is_known() -> None:
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
