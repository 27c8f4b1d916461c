"""A batcher on the bench: a model that can be held up, and a loop that goes round turn by turn."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from serving.batching.batcher import Batcher
from serving.batching.computation import computation
from serving.batching.threads import Threads
from serving.batching.ticket import Limits
from serving.counts import BatchMetrics
from serving.errors import Code, ServingError

DEADLINE_SECONDS = 10
WIDE = Limits(max_batch_rows=100, max_queue_rows=1_000, max_latency=10, timeout=10)

Outcome = list[Any] | BaseException


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs an async test; one that hangs fails."""
    asyncio.run(asyncio.wait_for(test(), DEADLINE_SECONDS))


@contextlib.contextmanager
def threads(count: int = 2) -> Iterator[Threads]:
    """Threads for the batchers of a test."""
    yield Threads(count)


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

    async def __call__(self, rows: Sequence[Any]) -> list[Any]:
        """Answers each row with its double; fails for a batch with a negative one."""
        self.batches.append(list(rows))
        await self.gate.wait()
        if any(row < 0 for row in rows):
            raise ValueError(f"negative: {list(rows)}")
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
        assert made.batcher.queued_rows == metrics.queued_rows == 0


async def outcome(task: "asyncio.Task[list[Any]]") -> Outcome:
    """What became of a request."""
    return (await asyncio.gather(task, return_exceptions=True))[0]


def is_error(result: Outcome, code: Code) -> bool:
    """Whether a request was answered with a row of the error table."""
    return isinstance(result, ServingError) and result.code is code
