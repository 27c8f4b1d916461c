"""What became true of answered rows, in the terms in which a model's answers are measured."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from framework.card import ModelCard
from framework.model import Model
from framework.tasks import Binary, Multiclass, MultiOutput
from monitoring.observed import Observed


@dataclass(frozen=True)
class Labelled:
    """Rows whose truth is known.

    Attributes:
        rows: The rows.
        truth: What is true of them; see `framework.fitting.Examples.target`.
        delays: How long it took until that was told, in seconds, shape `[N]`.
        unfit: Labels that are none of the task's.
        elsewhere: Labels of rows that are not among those that were looked at.
        newest: Time of the newest label.
    """

    rows: Observed
    truth: NDArray[Any]
    delays: NDArray[np.float64]
    unfit: int
    elsewhere: int
    newest: datetime | None = None


def labelled(rows: Observed, labels: pa.Table) -> Labelled:
    """Joins rows with their labels; of several labels of one row the last one holds.

    Args:
        rows: Rows of one version of a model.
        labels: Columns `prediction_id`, `row`, `label` and `time`.
    """
    places = {(one.prediction_id, one.row): at for at, one in enumerate(rows.positions)}
    read = reader(rows.model, rows.card)
    known: dict[int, tuple[Any, float]] = {}
    unfit = elsewhere = 0
    at = labels.column_names.index("time")
    in_utc = labels["time"].cast(pa.timestamp("us", "UTC"))
    labels = labels.set_column(at, "time", in_utc).sort_by("time")
    for label in labels.to_pylist():
        place = places.get((label["prediction_id"], label["row"]))
        value = read(label["label"])
        if place is None:
            elsewhere += 1
        elif value is None:
            unfit += 1
        else:
            known[place] = value, label["time"].timestamp() - rows.positions[place].time / 1e6
    order = sorted(known)
    return Labelled(
        rows.take(order),
        np.array([known[place][0] for place in order]),
        np.array([known[place][1] for place in order], dtype=np.float64),
        unfit,
        elsewhere,
        pc.max(labels["time"]).as_py(),
    )


def reader(model: Model[Any, Any], card: ModelCard) -> Callable[[Any], Any]:
    """Returns a function that turns a label into a truth, or None if it is none of the task's.

    Classes may be told by name or by their value in the training table, numbers as such or as
    text, several numbers as a list or as its JSON.
    """
    task = model.task
    if isinstance(task, Binary | Multiclass):
        places = {name: at for at, name in enumerate(card.classes)}
        if isinstance(task, Binary):
            places |= {str(label): at for at, label in enumerate(task.labels)}
            places |= {"false": 0, "true": 1}
        folded = {name.lower(): at for name, at in places.items()}
        return lambda label: places.get(str(label), folded.get(str(label).lower()))
    if isinstance(task, MultiOutput):
        return lambda label: _several(label, len(model.target))
    return _number


def _number(label: Any) -> float | None:
    try:
        number = float(label)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _several(label: Any, count: int) -> list[float] | None:
    if isinstance(label, str):
        try:
            label = json.loads(label)
        except ValueError:
            return None
    if not isinstance(label, list) or len(label) != count:
        return None
    numbers = [_number(one) for one in label]
    return None if None in numbers else [one for one in numbers if one is not None]
