"""A failing batch: only the culprit gets its error."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from serving.batching.ticket import Limits
from serving.errors import Code
from tests.unit.serving.batching.bench import bench, is_error, outcome, run, until


def test_only_the_culprit_gets_the_error() -> None:
    async def test() -> None:
        async with bench() as b:
            results = await asyncio.gather(
                *(b.batcher.submit(rows) for rows in ([1, 2], [3, -4], [5])), return_exceptions=True
            )
            assert [results[0], results[2]] == [[2, 4], [10]]
            assert str(results[1]) == "negative: [3, -4]"
            assert b.model.batches == [[1, 2, 3, -4, 5], [1, 2], [3, -4, 5], [3, -4], [5]]

    run(test)


def test_a_culprit_in_a_full_batch_costs_few_calls_of_the_model() -> None:
    async def test() -> None:
        async with bench() as b:
            rows = [*range(33), -1, *range(34, 50)]
            asked = (b.batcher.submit([row]) for row in rows)
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(results.pop(33), ValueError)
            assert results == [[2 * row] for row in rows if row >= 0]
            # Twice the steps of halving 50, and the batch itself.
            assert len(b.model.batches) <= 13

    run(test)


def test_others_are_not_kept_waiting_while_culprits_are_looked_for() -> None:
    async def test() -> None:
        async with bench() as b:
            b.model.gate.clear()
            failing = [await b.submit(-1)]
            failing += [asyncio.ensure_future(b.batcher.submit([-row])) for row in range(2, 34)]
            await until(lambda: b.batcher.queued_rows == 32)
            b.model.gate.set()
            await until(lambda: len(b.model.batches) >= 3)
            before = len(b.model.batches)
            assert await b.batcher.submit([7]) == [14]
            assert len(b.model.batches) - before <= 3
            results = await asyncio.gather(*failing, return_exceptions=True)
            assert all(isinstance(result, ValueError) for result in results)

    run(test)


def test_those_to_be_tried_again_count_when_others_are_admitted() -> None:
    gate, batches = asyncio.Event(), []

    async def predict(rows: list[int]) -> list[int]:
        batches.append(rows)
        if len(rows) > 4:
            raise ValueError
        await gate.wait()
        return rows

    async def test() -> None:
        async with bench(Limits(10, 100, max_latency=2, timeout=60), predict=predict) as b:
            asked = asyncio.gather(*(b.batcher.submit([row]) for row in range(8)))
            await until(lambda: len(batches) == 2)
            for _ in range(8):
                b.batcher._cost.observe(1, 0.25, contended=True)
            # The half that does not run yet, and that once more should it fail.
            assert b.batcher._admission.expected_seconds(1) >= 2
            assert is_error(await outcome(await b.submit(8)), Code.OVERLOADED)
            gate.set()
            assert await asked == [[row] for row in range(8)]

    run(test)


@pytest.mark.parametrize("error", [StopIteration, GeneratorExit, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("inline", [False, True])
def test_an_error_that_futures_do_not_take_is_an_error_even_so(
    error: type[BaseException], inline: bool
) -> None:
    async def test() -> None:
        def predict(rows: list[int]) -> list[int]:
            if rows[0] < 0:
                raise error
            return rows

        async with bench(predict=predict) as b:
            if inline:
                assert await b.batcher.submit([0]) == [0]
            result = await outcome(await b.submit(-1))
            assert isinstance(result, RuntimeError)
            assert error.__name__ in str(result)
            assert await b.batcher.submit([1]) == [1]

    run(test)


class Unjoinable(list[Any]):
    """Answers that come in parts, but cannot be put together."""

    def __getitem__(self, index: Any) -> Any:
        return self

    def __iter__(self) -> Any:
        raise TypeError("not one by one")


def test_answers_that_do_not_go_together_are_an_error_of_their_caller() -> None:
    async def test() -> None:
        async with bench(Limits(2, 100, 10, 10), predict=Unjoinable) as b:
            assert isinstance(await outcome(await b.submit(1, 2, 3)), TypeError)
            assert len(await b.batcher.submit([4])) == 1

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
    "a set": set,
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
