"""What became true of answered rows, in the terms in which a model's answers are measured."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from framework.labels import label_kind
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
    kind = label_kind(rows.model, rows.card.classes)
    known: dict[int, tuple[Any, float]] = {}
    unfit = elsewhere = 0
    at = labels.column_names.index("time")
    in_utc = labels["time"].cast(pa.timestamp("us", "UTC"))
    labels = labels.set_column(at, "time", in_utc).sort_by("time")
    for label in labels.to_pylist():
        place = places.get((label["prediction_id"], label["row"]))
        value = kind.read_cell(label["label"])
        if place is None:
            elsewhere += 1
        elif value is None:
            unfit += 1
        else:
            delay = label["time"].timestamp() - rows.positions[place].time / 1e6
            known[place] = kind.truth(value), delay
    order = sorted(known)
    return Labelled(
        rows.take(order),
        np.array([known[place][0] for place in order]),
        np.array([known[place][1] for place in order], dtype=np.float64),
        unfit,
        elsewhere,
        pc.max(labels["time"]).as_py(),
    )
