"""Which rows are learnt from, which are chosen by, and which test."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from framework.model import Model
from training import targets
from training.errors import TrainingError
from training.rows import Rows

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """The parts of the data.

    Attributes:
        train: Rows to learn from.
        validation: Rows to choose by; none if the recipe wants none.
        test: Rows that the metrics are measured on.
        distinct: Rows of the data that were left without exact duplicates.
        shared: Rows of the data that were left out because the hold-out has them too.
    """

    train: Rows
    validation: Rows | None
    test: Rows
    distinct: int
    shared: int = 0


def split(
    model: Model[Any, Any], rows: Rows, holdout: Rows | None, *, source: str, seed: int
) -> Split:
    """Divides the rows: the same seed and rows give the same parts.

    Exact duplicates are removed first, so that no held-out row is seen in training. Where times
    are known, the newest rows test, as they will be the newest that a server is asked; otherwise
    classes are as frequent in each part as in all.

    Raises:
        TrainingError: There is nothing to learn, or too little to divide.
    """
    distinct = rows.distinct()
    if holdout is None:
        targets.require_variety(model, source, model.target, distinct.target, rows.classes)
        if distinct.times is None:
            rest, test = _divided(distinct, TEST_SHARE, seed)
        else:
            rest, test = _newest_apart(distinct, distinct.times, source)
            targets.require_variety(model, source, model.target, rest.target, rows.classes)
    else:
        test = holdout.distinct()
        rest = distinct.without(test)
        if not len(rest):
            raise TrainingError(f"{source}: every row is also in the hold-out; none is left.")
        targets.require_variety(model, source, model.target, rest.target, rows.classes)
    train, validation = rest, None
    if model.validation_share:
        train, validation = _divided(rest, model.validation_share, seed)
    shared = 0 if holdout is None else len(distinct) - len(rest)
    return Split(train, validation, test, len(distinct), shared)


def _newest_apart(rows: Rows, times: NDArray[np.float64], source: str) -> tuple[Rows, Rows]:
    """Returns the older rows and the newest, all of one moment on the same side."""
    first = times[int(len(times) * (1 - TEST_SHARE))]
    is_new = times >= first if first > times[0] else times > first
    if not is_new.any():
        raise TrainingError(
            f"{source}: all {len(times):,} distinct rows are of one time, so that none are the "
            "newest; leave the column of the time out, and rows are held out at random."
        )
    return rows.take(np.flatnonzero(~is_new)), rows.take(np.flatnonzero(is_new))


def _divided(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    larger, smaller = train_test_split(
        np.arange(len(rows)),
        test_size=share,
        stratify=rows.target if rows.classes else None,
        random_state=seed,
    )
    return rows.take(larger), rows.take(smaller)
