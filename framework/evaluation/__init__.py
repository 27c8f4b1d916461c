"""The other half of the tasks: what a model's answers are worth, once the truth is known.

`evaluate` has a fitted model answer rows whose truth is known. The evaluation it returns gives
the metrics, overall and by part, and what a report shows of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.answers import Columns
from framework.card import ModelCard
from framework.evaluation.base import Evaluation, Metrics, Plot
from framework.evaluation.binary import BinaryEvaluation, best_threshold
from framework.evaluation.multi_output import MultiOutputEvaluation
from framework.evaluation.multiclass import MulticlassEvaluation
from framework.evaluation.regression import RegressionEvaluation
from framework.fitting import Examples
from framework.model import Model
from framework.tasks import Binary, Multiclass, MultiOutput, Task

__all__ = [
    "Evaluation",
    "Metrics",
    "Plot",
    "best_threshold",
    "evaluate",
    "numbers_of",
    "of_answers",
]


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
        examples: The rows; their classes may be others, or in another order, than the card's.
        learnt: The target of the rows that it was fitted on, if known: the mean of numbers is
            what a model is compared with. That of `examples` stands in for it.

    Raises:
        ValueError: The scores are not of the shape that the task wants.
    """
    scores = model.scores(estimator, examples.features)
    count = len(examples)
    is_multiclass = isinstance(model.task, Multiclass)
    _require_shape(scores, (count, len(card.classes)) if is_multiclass else examples.target.shape)
    if is_multiclass and list(examples.classes) != card.classes:
        scores = _aligned(scores, card.classes, examples.classes)
        card = card.model_copy(update={"classes": list(examples.classes)})
    columns = examples.records.columns
    slices = {
        name: np.broadcast_to(np.asarray(rows, dtype=bool), count)
        for name, rows in model.slices(columns).items()
    }
    known = examples.target if learnt is None else learnt
    # The answers, not the scores: a model may put limits to what its estimator says.
    numbers = scores if is_multiclass else numbers_of(model.columns_of(scores, card))
    return of_answers(model.task, card, slices, examples.target, numbers, known.mean(axis=0))


def numbers_of(answered: Columns) -> NDArray[np.float64]:
    """Returns the numbers of answers: shape `[N]`, or `[N, outputs]` if there are several."""
    numbers = [column for column in answered.values() if column.dtype.kind == "f"]
    return numbers[0] if len(numbers) == 1 else np.column_stack(numbers)


def of_answers(
    task: Task,
    card: ModelCard,
    slices: Mapping[str, NDArray[np.bool_]],
    truth: NDArray[Any],
    numbers: NDArray[np.float64],
    means: Any,
) -> Evaluation:
    """Measures answers whose truth is known.

    Args:
        task: The kind of question.
        card: The model's card: classes, threshold, units.
        slices: Name (`feature=value`) → which rows belong to it.
        truth: What is true; see `Examples.target`.
        numbers: What was answered: the probability of yes (`[N]`), those of all classes
            (`[N, classes]`), the value (`[N]`) or the values (`[N, outputs]`).
        means: The mean of each target, which a model is compared with that tells numbers.
    """
    if isinstance(task, Multiclass):
        return MulticlassEvaluation(slices, tuple(card.classes), truth, numbers)
    if isinstance(task, Binary):
        assert card.threshold is not None, "each binary model has one"
        classes = (card.classes[0], card.classes[1])
        return BinaryEvaluation(slices, classes, truth, numbers, card.threshold)
    if isinstance(task, MultiOutput):
        targets = tuple(card.target)
        return MultiOutputEvaluation(slices, targets, truth, numbers, means, card.units)
    unit = next(iter(card.units.values()), "")
    return RegressionEvaluation(slices, card.target[0], truth, numbers, float(means), unit)


def _aligned(
    scores: NDArray[Any], known: Sequence[str], classes: Sequence[str]
) -> NDArray[np.float64]:
    """Returns the probabilities of classes, 0 of those that a model does not know."""
    aligned = np.zeros((len(scores), len(classes)))
    for at, name in enumerate(classes):
        if name in known:
            aligned[:, at] = scores[:, known.index(name)]
    return aligned


def _require_shape(scores: NDArray[Any], wanted: tuple[int, ...]) -> None:
    if scores.shape != wanted:
        raise ValueError(
            f"It gives scores of shape {list(scores.shape)} for {wanted[0]} rows, but the task "
            f"wants {list(wanted)}."
        )
