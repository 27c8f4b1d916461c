"""Two versions beside each other: agreement, shift, latency, and metrics where labels are known."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import binomtest

from framework.answers import AnswerField, answer_fields
from framework.evaluation import numbers_of
from framework.evaluation.base import ERRORS
from framework.evaluation.paired import difference
from framework.tasks import Binary, Multiclass
from monitoring.observed import Observed
from monitoring.pairs import Pairs, numbered
from monitoring.performance.measures import (
    HALF_WIDTH,
    SHOWN,
    UNSURE,
    evaluation_of,
    jackknife,
    standard_error,
)
from monitoring.performance.truth import Labelled, labelled

_BEYOND = (1 - SHOWN) / 2
_CONFIG = ConfigDict(frozen=True, extra="forbid")


class Interval(BaseModel):
    """A value and its 95 % interval; without ends where rows are too few to tell."""

    model_config = _CONFIG

    value: float
    low: float | None = None
    high: float | None = None


class Shift(BaseModel):
    """A number of the answers, of both versions."""

    model_config = _CONFIG

    name: str
    first: float = Field(description="Mean of the first version's.")
    second: float
    difference: Interval = Field(description="Mean of second - first, by pairs.")
    absolute: float = Field(description="Mean of |second - first|.")


class Measured(BaseModel):
    """A metric of the labelled rows, of both versions."""

    model_config = _CONFIG

    metric: str
    first: Interval
    second: Interval
    difference: Interval = Field(
        description="second - first, of the same rows (grouped jackknife, paired)."
    )
    better: str | None = Field(
        description="`first` or `second`, if the interval of the difference leaves no doubt."
    )


class Comparison(BaseModel):
    """What two versions said to the same rows."""

    model_config = _CONFIG

    first: str = Field(description="Tag of the one version.")
    second: str
    rows: int = Field(description="Rows that both answered.")
    unpaired: int = Field(description="Rows that are left out, for one of them lacks an answer.")
    agreement: Interval | None = Field(
        description="Share of rows with the same decision or class; None where answers are numbers."
    )
    shifts: list[Shift]
    seconds: tuple[float | None, float | None] = Field(
        description="Median time to compute a row, in its batch, in seconds."
    )
    labelled: int = Field(description="Rows whose truth is known.")
    metrics: list[Measured]


def compare(first: str, second: str, pairs: Pairs, labels: pa.Table) -> Comparison:
    """Compares two versions.

    Args:
        first: Tag of the one.
        second: Tag of the other.
        pairs: What they said; at least one row.
        labels: Columns `prediction_id`, `row`, `label` and `time`.
    """
    known = _both_labelled(labelled(pairs.first, labels), labelled(pairs.second, labels))
    one, other = (float(np.median(each)) if len(each) else None for each in pairs.seconds)
    return Comparison(
        first=first,
        second=second,
        rows=len(pairs.first),
        unpaired=pairs.unpaired,
        agreement=_agreement(pairs),
        shifts=list(_shifts(pairs)),
        seconds=(one, other),
        labelled=len(known[0].truth),
        metrics=_metrics(*known) if len(known[0].truth) else [],
    )


def _agreement(pairs: Pairs) -> Interval | None:
    first, second = _decisions(pairs.first), _decisions(pairs.second)
    if first is None or second is None:
        return None
    agreed = int((first == second).sum())
    interval = binomtest(agreed, len(first)).proportion_ci(SHOWN, method="wilson")
    return Interval(value=agreed / len(first), low=interval.low, high=interval.high)


def _decisions(rows: Observed) -> NDArray[Any] | None:
    if isinstance(rows.model.task, Binary):
        decided: NDArray[np.bool_] = numbers_of(rows.answers) >= (rows.card.threshold or 0)
        return decided
    if isinstance(rows.model.task, Multiclass):
        (named,) = [one for one in _fields(rows) if one.kind in ("text", "int")]
        return rows.answers[named.name].astype(str)
    return None


def _fields(rows: Observed) -> tuple[AnswerField, ...]:
    answer: type[BaseModel] = rows.model.answer
    return answer_fields(answer)


def _shifts(pairs: Pairs) -> Iterator[Shift]:
    first, second = dict(_numbers(pairs.first)), dict(_numbers(pairs.second))
    for name, values in first.items():
        # A version may know other classes.
        if name in second:
            yield _shift(name, values, second[name])


def _numbers(rows: Observed) -> Iterator[tuple[str, NDArray[np.float64]]]:
    labels = rows.model.task.answer_labels(rows.model.answer, rows.card)
    for field in _fields(rows):
        values = rows.answers[field.name]
        if values.dtype.kind != "f":
            continue
        if values.ndim == 1:
            yield field.name, values
            continue
        names = labels.get(field.name) or [str(at) for at in range(values.shape[1])]
        yield from ((f"{field.name}.{name}", values[:, at]) for at, name in enumerate(names))


def _shift(name: str, first: NDArray[np.float64], second: NDArray[np.float64]) -> Shift:
    is_known = np.isfinite(first) & np.isfinite(second)
    first, second = first[is_known], second[is_known]
    apart = second - first
    interval = Interval(value=float(apart.mean()))
    if len(apart) > 1:
        found = difference(first, second)
        interval = _between(found.mean, found.at_least(_BEYOND), found.at_most(_BEYOND))
    return Shift(
        name=name,
        first=float(first.mean()),
        second=float(second.mean()),
        difference=interval,
        absolute=float(np.abs(apart).mean()),
    )


def _around(value: float, half: float) -> Interval:
    return _between(value, value - half, value + half)


def _between(value: float, low: float, high: float) -> Interval:
    if not np.isfinite(low + high):
        return Interval(value=value)
    return Interval(value=value, low=low, high=high)


def _both_labelled(first: Labelled, second: Labelled) -> tuple[Labelled, Labelled]:
    """Returns the rows whose label both can be measured by: they may know other classes."""
    places = [numbered(one.rows.positions) for one in (first, second)]
    shared = [place for place in places[0] if place in places[1]]

    def part(one: Labelled, at: list[int]) -> Labelled:
        return replace(one, rows=one.rows.take(at), truth=one.truth[at], delays=one.delays[at])

    return (
        part(first, [places[0][place] for place in shared]),
        part(second, [places[1][place] for place in shared]),
    )


def _metrics(first: Labelled, second: Labelled) -> list[Measured]:
    (one, is_sure), (other, other_is_sure) = evaluation_of(first), evaluation_of(second)
    rows = np.ones(len(first.truth), dtype=np.bool_)
    values, others = one.metrics(rows), other.metrics(rows)
    parts, other_parts = jackknife(one, rows), jackknife(other, rows)
    hidden = {"rows"} if is_sure and other_is_sure else {"rows", *UNSURE}
    return [
        _measured(name, (values[name], parts[name]), (others[name], other_parts[name]))
        for name in values
        if name in others and name not in hidden
    ]


def _measured(
    metric: str,
    first: tuple[float, NDArray[np.float64]],
    second: tuple[float, NDArray[np.float64]],
) -> Measured:
    apart = second[0] - first[0]
    difference = _around(apart, HALF_WIDTH * standard_error(second[1] - first[1]))
    better = None
    if difference.low is not None and difference.high is not None:
        is_higher = difference.low > 0
        if is_higher or difference.high < 0:
            better = "second" if is_higher != (metric in ERRORS) else "first"
    return Measured(
        metric=metric,
        first=_around(first[0], HALF_WIDTH * standard_error(first[1])),
        second=_around(second[0], HALF_WIDTH * standard_error(second[1])),
        difference=difference,
        better=better,
    )
