"""Refusals: early, and with the time to come back."""

import asyncio
import time

import pytest

from serving.batching.ticket import Limits
from serving.errors import Code, ServingError
from tests.unit.serving.batching.bench import bench, is_error, outcome, run, until


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
        async with bench(Limits(10, 100, max_latency=2, timeout=60)) as b:
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


def test_a_large_request_behind_a_small_one_is_not_refused_for_its_own_size() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=8, timeout=60)) as b:
            for _ in range(8):
                b.batcher._cost.observe(1, 1.0, contended=True)
            b.model.gate.clear()
            small, large = await b.submit(0), await b.submit(*range(20))
            assert is_error(await outcome(await b.submit(*range(20))), Code.OVERLOADED)
            behind = await b.submit(1)
            b.model.gate.set()
            assert (await small, await behind) == ([0], [2])
            assert await large == [2 * row for row in range(20)]

    run(test)


def test_a_large_request_is_refused_unread_once_all_that_waits_takes_too_long() -> None:
    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=8, timeout=60)) as b:
            for _ in range(8):
                b.batcher._cost.observe(1, 1.0, contended=True)
            b.model.gate.clear()
            small, large = await b.submit(0), await b.submit(*range(5))
            b.batcher.require_room()
            larger = await b.submit(*range(3))
            with pytest.raises(ServingError) as refused:
                b.batcher.require_room()
            assert refused.value.code is Code.OVERLOADED
            assert b.metrics.refusals == {"too_late": 1}
            b.model.gate.set()
            await asyncio.gather(small, large, larger)
            b.batcher.require_room()

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
