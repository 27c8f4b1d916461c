"""How a batch is computed, when its requests come as rows or as whole matrices of features.

JSON and typed gRPC bring validated rows, which the API's own method answers with a list; columns
of the Open Inference Protocol bring the features of all their rows at once, which the model
answers with whole columns. Both may be in one batch.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Chunk = Sequence[Any] | NDArray[Any]
"""What one request has in a batch: its rows, or their features (the first axis counts rows)."""

Answers = Sequence[Any] | Mapping[str, NDArray[Any]]
"""The answers to one chunk: a list, or the fields of a prediction as arrays."""

PredictFeatures = Callable[[NDArray[Any]], Mapping[str, NDArray[Any]]]


def computation(
    predict: Callable[[list[Any]], Any], predict_features: PredictFeatures | None = None
) -> Callable[[list[Chunk]], Any]:
    """Makes the function that answers a batch, chunk by chunk.

    Args:
        predict: Answers a list of rows with as many answers, in order; may be a coroutine
            function, and then so is what is returned.
        predict_features: Answers a feature matrix; without one, only rows can be answered.
    """
    if inspect.iscoroutinefunction(predict):

        async def compute_async(chunks: list[Chunk]) -> list[Answers]:
            rows = _rows(chunks)
            answers = await predict(rows) if rows else []
            return _answers(chunks, rows, answers, predict_features)

        return compute_async

    def compute(chunks: list[Chunk]) -> list[Answers]:
        rows = _rows(chunks)
        answers = predict(rows) if rows else []
        return _answers(chunks, rows, answers, predict_features)

    return compute


def joined(parts: list[Answers]) -> Answers:
    """Joins the answers to the parts of one request, which was split over several batches."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Mapping):
        return {name: np.concatenate([part[name] for part in parts]) for name in first}  # type: ignore[call-overload]
    return list(chain.from_iterable(parts))


def _rows(chunks: list[Chunk]) -> list[Any]:
    return [row for chunk in chunks if type(chunk) is not np.ndarray for row in chunk]


def _answers(
    chunks: list[Chunk],
    rows: list[Any],
    answers: Sequence[Any],
    predict_features: PredictFeatures | None,
) -> list[Answers]:
    """Gives every chunk its own of the answers to the rows, and of those to the features."""
    if len(answers) != len(rows):
        raise ValueError(f"{len(answers)} answers came back for {len(rows)} rows")
    features = [chunk for chunk in chunks if type(chunk) is np.ndarray]
    if features and predict_features is not None:
        columns = predict_features(np.concatenate(features) if len(features) > 1 else features[0])
    given: list[Answers] = []
    row = feature = 0
    for chunk in chunks:
        size = len(chunk)
        if type(chunk) is np.ndarray:
            stop = feature + size
            given.append({name: column[feature:stop] for name, column in columns.items()})
            feature = stop
        else:
            given.append(answers[row : row + size])
            row += size
    return given
