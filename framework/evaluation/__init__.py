"""The other half of the tasks: what a model's answers are worth, once the truth is known.

`evaluate` has a fitted model answer rows whose truth is known. The evaluation it returns gives
the metrics, overall and by part, and what a report shows of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.card import ModelCard
from framework.evaluation.base import Evaluation, Metrics, Plot
from framework.evaluation.binary import BinaryEvaluation, best_threshold
from framework.evaluation.multi_output import MultiOutputEvaluation
from framework.evaluation.multiclass import MulticlassEvaluation
from framework.evaluation.regression import RegressionEvaluation
from framework.fitting import Examples
from framework.model import Model
from framework.tasks import Binary, Multiclass, MultiOutput

__all__ = ["Evaluation", "Metrics", "Plot", "best_threshold", "evaluate"]


def evaluate(
    model: Model[Any, Any],
    card: ModelCard,
    estimator: Any,
    examples: Examples,
    learnt: NDArray[Any] | None = None,
) -> Evaluation:
    """Measures a fitted model by its answers to rows that it has not seen.

    Args:
        model: The model.
        card: Its card, as far as it is known: classes, threshold, units.
        estimator: The estimator.
        examples: The rows.
        learnt: The target of the rows that it was fitted on, if known: the mean of numbers is
            what a model is compared with. That of `examples` stands in for it.

    Raises:
        ValueError: The scores are not of the shape that the task wants.
    """
    scores = model.scores(estimator, examples.features)
    count = len(examples)
    columns = examples.records.columns
    slices = {
        name: np.broadcast_to(np.asarray(rows, dtype=bool), count)
        for name, rows in model.slices(columns).items()
    }
    truth = examples.target
    task = model.task
    if isinstance(task, Multiclass):
        _require_shape(scores, (count, len(card.classes)))
        return MulticlassEvaluation(slices, tuple(card.classes), truth, scores)
    _require_shape(scores, truth.shape)
    # The answers, not the scores: a model may put limits to what its estimator says.
    answered = model.columns_of(scores, card)
    numbers = [column for column in answered.values() if column.dtype.kind == "f"]
    if isinstance(task, Binary):
        assert card.threshold is not None, "each binary model has one"
        classes = (card.classes[0], card.classes[1])
        return BinaryEvaluation(slices, classes, truth, numbers[0], card.threshold)
    known = truth if learnt is None else learnt
    if isinstance(task, MultiOutput):
        return MultiOutputEvaluation(
            slices,
            tuple(card.target),
            truth,
            np.column_stack(numbers),
            known.mean(axis=0),
            card.units,
        )
    unit = next(iter(card.units.values()), "")
    return RegressionEvaluation(
        slices, card.target[0], truth, numbers[0], float(known.mean()), unit
    )


def _require_shape(scores: NDArray[Any], wanted: tuple[int, ...]) -> None:
    if scores.shape != wanted:
        raise ValueError(
            f"It gives scores of shape {list(scores.shape)} for {wanted[0]} rows, but the task "
            f"wants {list(wanted)}."
        )
