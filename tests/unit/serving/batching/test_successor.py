"""A batcher in whose place another comes ends what it has, and goes; the other knows its costs."""

import asyncio
import weakref
from typing import Any

import pytest

from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.ticket import Limits
from serving.counts import BatchMetrics
from tests.unit.serving.batching.bench import run, threads, until

LIMITS = Limits(max_batch_rows=2, max_queue_rows=100, max_latency=10, timeout=10)


def labelled(label: str, gate: asyncio.Event | None = None) -> Any:
    """Computes pairs of label and row; by a coroutine, if there is a gate to wait for."""

    async def predict_async(rows: list[int]) -> list[tuple[str, int]]:
        assert gate is not None
        await gate.wait()
        return [(label, row) for row in rows]

    def predict(rows: list[int]) -> list[tuple[str, int]]:
        return [(label, row) for row in rows]

    return computation(predict if gate is None else predict_async)


def test_what_has_come_is_answered_by_the_one_that_it_came_to() -> None:
    async def test() -> None:
        gate, metrics = asyncio.Event(), BatchMetrics()
        with threads() as pool:
            first = Batcher(labelled("old", gate), LIMITS, pool, metrics)
            begun = asyncio.ensure_future(first.submit(range(7)))
            await until(lambda: first.busy)
            second = first.successor(labelled("new"), metrics)
            assert await second.submit([1]) == [("new", 1)]
            # Of both, as they are of one route.
            assert metrics.queued_rows == 5
            gate.set()
            assert await begun == [("old", row) for row in range(7)]

    run(test)


@pytest.mark.usefixtures("no_collector")
def test_one_that_nobody_needs_any_more_is_gone_at_once() -> None:
    async def test() -> None:
        gate, metrics = asyncio.Event(), BatchMetrics()
        compute = labelled("old", gate)
        with threads() as pool:
            batcher = Batcher(compute, LIMITS, pool, metrics)
            begun = asyncio.ensure_future(batcher.submit(range(3)))
            gone = weakref.ref(batcher), weakref.ref(compute)
            del batcher, compute
            await until(lambda: metrics.queued_rows == 1)
            assert gone[0]() is not None
            gate.set()
            assert await begun == [("old", row) for row in range(3)]
            del begun
            await until(lambda: [one() for one in gone] == [None, None])
            assert metrics.queued_rows == 0

    run(test)


def test_what_was_learnt_is_not_learnt_anew() -> None:
    async def test() -> None:
        with threads() as pool:
            first = Batcher(labelled("old"), LIMITS, pool, BatchMetrics())
            for row in range(20):
                await first.submit([row])
            second = first.successor(labelled("new"), BatchMetrics())
            known = first._cost.expected(1)
            assert known is not None
            assert second._cost.expected(1) == known
            # Each goes on by itself.
            second._cost.observe(1, 1.0, contended=False)
            assert first._cost.expected(1) == known

    run(test)
