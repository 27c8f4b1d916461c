"""Which batches form, and where they run."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from serving.batching import batcher as batcher_module
from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.cost import CostModel
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.counts import BatchMetrics
from tests.unit.serving.batching.bench import (
    DEADLINE_SECONDS,
    WIDE,
    bench,
    run,
    threads,
    ticks,
    until,
)


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


def test_a_large_request_is_split_and_lets_a_small_one_go_first() -> None:
    async def test() -> None:
        async with bench(Limits(10, 1_000, 10, 10)) as b:
            large, small = await asyncio.gather(
                b.batcher.submit(range(34)), b.batcher.submit(range(100, 103))
            )
            assert large == [2 * row for row in range(34)]
            assert small == [200, 202, 204]
            assert b.model.sizes == [3, 10, 10, 10, 4]

    run(test)


def test_the_model_may_answer_with_an_array() -> None:
    async def test() -> None:
        async with bench(Limits(4, 100, 10, 10), predict=lambda rows: np.array(rows) * 2) as b:
            large, small = await asyncio.gather(b.batcher.submit(range(9)), b.batcher.submit([50]))
            assert list(large) == [2 * row for row in range(9)]
            assert list(small) == [100]

    run(test)


@pytest.fixture
def no_batch_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is."""
    monkeypatch.setattr(batcher_module, "INLINE_SECONDS", 60.0)
    monkeypatch.setattr(batcher_module, "LONG_SECONDS", 60.0)


@pytest.mark.usefixtures("no_batch_is_too_long")
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


@pytest.mark.parametrize(("seconds_per_row", "on_loop"), [(1e-6, True), (1e-5, False)])
def test_a_request_far_larger_than_any_before_goes_by_what_its_slices_cost(
    seconds_per_row: float, on_loop: bool
) -> None:
    places: list[bool] = []

    def predict(rows: Sequence[int]) -> Sequence[int]:
        places.append(threading.current_thread() is threading.main_thread())
        return rows

    async def test() -> None:
        limits = Limits(max_batch_rows=100, max_queue_rows=10_000, max_latency=10, timeout=10)
        async with bench(limits, predict) as b:
            # Slices of 0.1 or 1 ms; in all, the request takes 10 or 100.
            b.batcher._cost = cost = CostModel()
            cost.observe(100, 100 * seconds_per_row, contended=False)
            # Whatever the batches of this test take, on whatever machine.
            cost.observe = lambda *_, **__: None  # type: ignore[method-assign]
            assert await b.batcher.submit(range(10_000)) == list(range(10_000))

    run(test)
    # The last slice, behind which nothing waits, is a batch like any other.
    assert set(places[:-1]) == {on_loop}


def test_long_texts_after_short_ones_run_beside_the_loop() -> None:
    places: list[int] = []

    def predict(rows: list[str]) -> list[str]:
        places.append(threading.get_ident())
        time.sleep(sum(map(len, rows)) / 1_000_000)
        return rows

    async def test() -> None:
        async with bench(predict=predict) as b:
            for _ in range(10):
                await b.batcher.submit(["short"] * 64)
            assert places.pop() == threading.get_ident()
            places.clear()
            await b.batcher.submit(["long" * 1_000] * 64)

    run(test)
    assert len(places) > 1
    # The rest of them may be short.
    assert threading.get_ident() not in places[:-1]


def test_a_long_request_runs_in_slices_beside_the_loop_and_a_small_one_between_them() -> None:
    places: list[int] = []
    sizes: list[int] = []

    def predict(rows: list[int]) -> list[int]:
        places.append(threading.get_ident())
        sizes.append(len(rows))
        time.sleep(0.001 * len(rows))
        return rows

    async def test() -> None:
        async with bench(predict=predict) as b:
            for _ in range(10):
                await b.batcher.submit(range(4))
            sizes.clear()
            places.clear()
            long = await b.submit(*range(100))
            await until(lambda: sizes)
            started = len(sizes)
            assert await b.batcher.submit([7]) == [7]
            # The slice that ran when it came, and its own batch.
            assert len(sizes) - started <= 2
            assert not long.done()
            assert await long == list(range(100))

    run(test)
    assert max(sizes) < 64
    # The small one may, and what is left of the long one in the end.
    assert places.count(threading.get_ident()) <= 2


@pytest.mark.usefixtures("no_batch_is_too_long")
def test_batchers_with_rows_left_take_turns_on_the_loop() -> None:
    async def test() -> None:
        turns = []

        def computed(name: str) -> Any:
            def predict(rows: list[int]) -> list[int]:
                turns.append(name)
                return list(rows)

            return computation(predict)

        pool = Threads(2)
        limits = Limits(2, 100, 10, 10)
        batchers = [Batcher(computed(name), limits, pool, BatchMetrics()) for name in "ab"]
        await asyncio.gather(*(one.submit([0]) for one in batchers))
        turns.clear()
        arrived = asyncio.ensure_future(asyncio.gather(*(one.submit(range(3)) for one in batchers)))
        await until(lambda: turns)
        await arrived
        # A batch each at once, then one in turn. (Much larger requests would go to threads first.)
        assert "".join(turns) == "abab"

    run(test)


@pytest.mark.usefixtures("no_batch_is_too_long")
def test_what_arrives_during_a_batch_on_the_loop_has_its_chance_before_the_next() -> None:
    async def test() -> None:
        sizes: list[int] = []

        def predict(rows: list[int]) -> list[int]:
            sizes.append(len(rows))
            if len(sizes) == 4:
                # As when the socket brings a request: it takes a turn to reach the batcher.
                loop.call_soon(lambda: arrived.append(asyncio.ensure_future(made.submit([99]))))
            return list(rows)

        loop = asyncio.get_running_loop()
        arrived: list[asyncio.Future[Any]] = []
        made = Batcher(computation(predict), Limits(2, 100, 10, 10), Threads(2), BatchMetrics())
        await made.submit([0])
        assert await made.submit(range(20)) == list(range(20))
        assert await arrived[0] == [99]
        assert sizes[:6] == [1, 2, 2, 2, 1, 2]

    run(test)


@pytest.mark.usefixtures("no_batch_is_too_long")
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
