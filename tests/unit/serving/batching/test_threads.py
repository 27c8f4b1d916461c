"""A method finds in its thread what it would find in BentoML's own."""

import asyncio
import math
import threading
from collections.abc import Sequence

import anyio.from_thread
import anyio.lowlevel
import pytest

from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.threads import Threads
from serving.counts import BatchMetrics
from tests.unit.serving.batching.bench import WIDE, bench, run


async def doubled(row: int) -> int:
    """Something to await."""
    await anyio.lowlevel.checkpoint()
    return 2 * row


def by_anyio(rows: Sequence[int]) -> list[int]:
    """Asks the loop beside it."""
    return [anyio.from_thread.run(doubled, row) for row in rows]


def by_asyncio(rows: Sequence[int]) -> list[int]:
    """Runs a loop of its own."""
    return [asyncio.run(doubled(row)) for row in rows]


@pytest.fixture(autouse=True)
def no_batch_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every batch but the first run inline, however slow the machine is."""
    monkeypatch.setattr("serving.batching.batcher.INLINE_SECONDS", math.inf)


@pytest.mark.parametrize(
    ("predict", "inline"), [(by_anyio, True), (by_anyio, False), (by_asyncio, False)]
)
def test_a_method_may_ask_a_loop_or_run_one(predict: object, inline: bool) -> None:
    async def test() -> None:
        batcher = Batcher(computation(predict), WIDE, Threads(1), BatchMetrics(), inline=inline)  # type: ignore[arg-type]
        # The first batch of a method, whose cost nobody knows, never runs inline.
        for row in range(5):
            assert await batcher.submit([row]) == [2 * row]

    run(test)


def test_a_method_that_needs_a_thread_is_tried_on_the_loop_only_once() -> None:
    places = []

    def predict(rows: Sequence[int]) -> list[int]:
        places.append(threading.current_thread() is threading.main_thread())
        return by_anyio(rows)

    async def test() -> None:
        async with bench(predict=predict) as b:
            for row in range(6):
                assert await b.batcher.submit([row]) == [2 * row]

    run(test)
    assert places == [False, True, False, False, False, False, False]


def test_an_error_that_is_the_methods_own_costs_it_no_thread() -> None:
    places = []

    def predict(rows: Sequence[int]) -> Sequence[int]:
        places.append(threading.current_thread() is threading.main_thread())
        if rows[0] < 0:
            raise RuntimeError("no such row")
        return rows

    async def test() -> None:
        async with bench(predict=predict) as b:
            await b.batcher.submit([0])
            with pytest.raises(RuntimeError, match="no such row"):
                await b.batcher.submit([-1])
            await b.batcher.submit([1])

    run(test)
    assert places == [False, True, False, True]
