"""Deleting one prediction wherever the record has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from framework.files import alone, write_whole
from framework.model import Model
from framework.record.folder import RecordFolder
from framework.record.frames import Frames, frame
from framework.record.ids import model_of
from monitoring.errors import MonitoringError
from monitoring.label_store.store import LabelStore
from monitoring.record.converter import Converter, as_tuple, write_table
from monitoring.record.deleted import Deleted
from monitoring.record.retention import UNREAD

_COLUMN = "prediction_id"


def delete(
    folder: RecordFolder,
    models: Mapping[str, Model[Any, Any]],
    labels: LabelStore,
    prediction_id: str,
) -> tuple[int, bool]:
    """Deletes a prediction, and its labels.

    What servers have closed is converted first, without it. A file that a server is still writing
    is not changed; the prediction is left out when that is converted.

    Args:
        folder: The record's folder.
        models: The models, by name.
        labels: Where its labels are.
        prediction_id: Its id.

    Returns:
        How many rows were deleted from what had been converted, and whether a file that is being
        written may hold it for now.

    Raises:
        MonitoringError: It is no id, or the database of labels cannot be used.
    """
    model = model_of(prediction_id)
    if model is None:
        raise MonitoringError(
            f"{prediction_id!r} is no prediction id: a model's name and 24 hexadecimal digits, as "
            "X-Prediction-ID tells it."
        )
    Deleted(folder.root).add(prediction_id)
    Converter(folder, models, labels).run()
    labels.delete(prediction_id)
    with alone(folder.parquet):
        rows = sum(
            _without(path, prediction_id)
            for pattern in (
                f"parquet/model={model}/**/*.parquet",
                f"shadow/model={model}/**/*.parquet",
                "parquet/failed/**/*.parquet",
            )
            for path in folder.root.glob(pattern)
        )
        for path in (folder.root / UNREAD).glob("*.log"):
            _without_entries(path, prediction_id)
    return rows, bool(folder.spool_files())


def _without(path: Path, prediction_id: str) -> int:
    """Takes a prediction out of a Parquet file; returns how many rows it had there."""
    file = pq.ParquetFile(path)
    column = file.schema_arrow.names.index(_COLUMN)
    groups = (file.metadata.row_group(at).column(column) for at in range(file.num_row_groups))
    if not any(_may_hold(group.statistics, prediction_id) for group in groups):
        return 0
    table = file.read()
    kept = table.filter(pc.not_equal(table[_COLUMN], prediction_id))
    if len(kept) == len(table):
        return 0
    if len(kept):
        write_table(path, kept)
    else:
        path.unlink()
    return len(table) - len(kept)


def _may_hold(statistics: Any, prediction_id: str) -> bool:
    return statistics is None or statistics.min <= prediction_id <= statistics.max


def _without_entries(path: Path, prediction_id: str) -> None:
    entries = [entry for entries in Frames(path) for entry in entries]
    kept = [entry for entry in entries if entry.prediction_id != prediction_id]
    if len(kept) < len(entries):
        content = frame([as_tuple(entry) for entry in kept])
        write_whole(path, lambda file: file.writelines(content[:2]))
