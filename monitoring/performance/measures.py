"""Metrics of live answers with their intervals, beside those that the card promises."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import stdtrit

from framework.answers import AnswerField, answer_fields
from framework.evaluation import Evaluation, numbers_of, of_answers
from framework.evaluation.base import ERRORS, Flags
from framework.tasks import Multiclass, MultiOutput, Regression
from monitoring.performance.truth import Labelled

OVERALL = "overall"
GROUPS = 25
"""Parts that are left out in turn, to see how much a metric depends on its rows."""

SHOWN = 0.95
LEVEL = 0.01
"""Share of checks of a model that is as good as ever that call it worse by chance."""

LEAST_ROWS = 100
"""Fewer labelled rows, here or on the card, are shown and not judged."""

MARGIN = 0.05
"""A metric may be worse than the card's by this share of it."""

HALF_WIDTH = float(stdtrit(GROUPS - 1, (1 + SHOWN) / 2))
"""Of an interval, in standard errors."""

UNSURE = frozenset({"log_loss", "brier", "roc_auc"})
"""Metrics that need the probabilities of all classes."""


class Measure(BaseModel):
    """One metric of some labelled rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str = Field(description="`overall`, or a slice (`feature=value`).")
    metric: str
    rows: int
    value: float
    low: float | None = Field(
        description="Lower end of its 95 % interval (grouped jackknife), if there are rows enough."
    )
    high: float | None = Field(description="Upper end.")
    card: float | None = Field(description="The same of held-out rows, if the card has it.")
    limit: float | None = Field(description="The card's value and the margin, if it is judged.")
    worse: bool = Field(description="Whether it is beyond the limit, by more than chance explains.")


def measures(labelled: Labelled, margin: float = MARGIN) -> list[Measure]:
    """Measures the answers to labelled rows: overall, and in each part that the card measures.

    Args:
        labelled: The rows and what is true of them; at least one.
        margin: A metric may be worse than the card's by this share of it.
    """
    evaluation, is_sure = evaluation_of(labelled)
    parts = {OVERALL: np.ones(len(evaluation), dtype=np.bool_), **evaluation.slices}
    promised = labelled.rows.card.performance
    estimates = {
        part: estimate(evaluation, rows)
        for part, rows in parts.items()
        if rows.any() and part in promised
    }
    shown = [
        (part, metric)
        for part, found in estimates.items()
        for metric in found
        if metric != "rows" and (is_sure or metric not in UNSURE)
    ]
    judged = {
        (part, metric)
        for part, metric in shown
        if metric in evaluation.judged
        and metric in promised[part]
        and min(estimates[part]["rows"][0], promised[part]["rows"]) >= LEAST_ROWS
    }
    critical = float(stdtrit(GROUPS - 1, 1 - LEVEL / max(len(judged), 1)))
    return [
        _measure(part, metric, estimates[part], promised[part], margin, critical)
        if (part, metric) in judged
        else _measure(part, metric, estimates[part], promised[part], None, critical)
        for part, metric in shown
    ]


def estimate(evaluation: Evaluation, rows: Flags) -> dict[str, tuple[float, float]]:
    """Returns each metric of some rows and its standard error, by the grouped jackknife.

    Of a metric that some group is needed for, such as one of a rare class, the error is unknown:
    NaN.
    """
    replicates = jackknife(evaluation, rows)
    measured = evaluation.metrics(rows)
    return {name: (value, standard_error(replicates[name])) for name, value in measured.items()}


def jackknife(evaluation: Evaluation, rows: Flags) -> dict[str, NDArray[np.float64]]:
    """Returns each metric as it is without one of 25 groups of rows, shape `[groups]`.

    That holds for every metric of every task, and costs 25 measurements instead of a bootstrap's
    hundreds. The same number of rows is dealt into the same groups; fewer than 25 into none.
    """
    groups = np.empty(len(rows), dtype=np.intp)
    at = np.flatnonzero(rows)
    groups[at] = np.random.default_rng(len(at)).permutation(len(at)) % GROUPS
    without = [rows & (groups != group) for group in range(GROUPS)]
    parts = [evaluation.metrics(part) for part in without] if len(at) >= GROUPS else []
    return {
        name: np.array([part.get(name, np.nan) for part in parts])
        for name in evaluation.metrics(rows)
    }


def standard_error(replicates: NDArray[np.float64]) -> float:
    """Returns the standard error that the jackknife tells; NaN if it had no groups."""
    if not len(replicates):
        return float("nan")
    spread = ((replicates - replicates.mean()) ** 2).sum() * (GROUPS - 1) / GROUPS
    return float(np.sqrt(spread))


def _measure(
    part: str,
    metric: str,
    found: Mapping[str, tuple[float, float]],
    promised: Mapping[str, float],
    margin: float | None,
    critical: float,
) -> Measure:
    value, error = found[metric]
    rows = found["rows"][0]
    is_known = np.isfinite(error)
    half = HALF_WIDTH * error
    card = promised.get(metric)
    sign = 1 if metric in ERRORS else -1
    limit, is_worse = None, False
    if margin is not None and card is not None and is_known:
        limit = card + sign * margin * abs(card)
        # The card's value was itself measured on so many rows only.
        unsure = error * np.sqrt(1 + rows / promised["rows"])
        is_worse = bool(sign * (value - limit) > critical * unsure)
    # No error is below 0, and nothing else above 1.
    low, high = (
        (max(value - half, 0), value + half) if sign > 0 else (value - half, min(value + half, 1))
    )
    return Measure(
        part=part,
        metric=metric,
        rows=int(rows),
        value=value,
        low=low if is_known else None,
        high=high if is_known else None,
        card=card,
        limit=limit,
        worse=is_worse,
    )


def evaluation_of(labelled: Labelled) -> tuple[Evaluation, bool]:
    """Returns the evaluation of the answers, and whether all probabilities are known."""
    rows = labelled.rows
    model, card = rows.model, rows.card
    slices: dict[str, NDArray[np.bool_]] = {}
    if not rows.left_out:
        slices = {
            name: np.broadcast_to(np.asarray(part, dtype=bool), len(rows))
            for name, part in model.slices(rows.records.columns).items()
        }
    numbers, is_sure = _numbers(labelled)
    means: Any = 0.0
    if isinstance(model.task, Regression | MultiOutput):
        profiles = [card.target_profile.get(one) for one in model.target]
        means = np.array([getattr(one, "mean", np.nan) for one in profiles])
        means = means if isinstance(model.task, MultiOutput) else means[0]
    return of_answers(model.task, card, slices, labelled.truth, numbers, means), is_sure


def _numbers(labelled: Labelled) -> tuple[NDArray[np.float64], bool]:
    rows = labelled.rows
    if not isinstance(rows.model.task, Multiclass):
        return numbers_of(rows.answers), True
    answer: type[BaseModel] = rows.model.answer
    shapes: dict[str, AnswerField] = {one.shape: one for one in answer_fields(answer)}
    if "labelled" in shapes:
        return rows.answers[shapes["labelled"].name], True
    (named,) = [one for one in answer_fields(answer) if one.kind in ("text", "int")]
    places = {name: at for at, name in enumerate(rows.card.classes)}
    told = [places[str(value)] for value in rows.answers[named.name].tolist()]
    return np.eye(len(places))[told], False
