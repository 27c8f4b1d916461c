"""When rows were observed, by a column of their table."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training import validation
from training.data import Table
from training.errors import TrainingError

ALLOWED = "a date or time by ISO 8601 (2026-11-28, 2026-11-28T07:00:00Z), or a number"


def times_of(table: Table, column: str) -> NDArray[np.float64]:
    """Returns when each row of a table was observed: seconds since 1970, or the numbers there.

    Raises:
        TrainingError: There is no such column, or a cell holds no time; the message names it.
    """
    if column not in table.frame.columns:
        there = ", ".join(map(str, table.frame.columns))
        raise TrainingError(
            f"{table.source}: column {column}, which should tell when each row was observed, is "
            f"missing; the file has: {there}."
        )
    cells = table.frame[column]
    texts = cells.astype(str).str.strip()
    missing = (cells.isna() | (texts == "")).to_numpy(dtype=bool)
    times = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(times[~missing]).all():
        times = _seconds(texts)
    wrong = ~np.isfinite(times) & ~missing
    validation.refuse(
        table,
        [
            *validation.described(table, column, "missing", cells, missing),
            *validation.described(table, column, f"not {ALLOWED}", cells, wrong),
        ],
    )
    return times


def _seconds(texts: pd.Series) -> NDArray[np.float64]:
    moments = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
    seconds = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(seconds, dtype=np.float64)
