"""A failing batch: only the culprit gets its error."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from serving.batching.ticket import Limits
from serving.errors import Code
from tests.unit.serving.batching.bench import bench, is_error, outcome, run


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
