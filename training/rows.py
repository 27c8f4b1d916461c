"""The rows of a table in a model's terms: valid records, and what is true of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from framework.fields import fields_of
from framework.fitting import Examples
from framework.model import Model
from framework.records import Records, row_bytes
from training import targets, validation
from training.data import Table
from training.times import times_of

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class Rows:
    """Rows of one table.

    Attributes:
        records: The records.
        target: What is true of them; see `Examples`.
        classes: Names of the classes, in the order of their positions; empty for numbers.
        times: When each was observed, in ascending order, where a column tells it.
    """

    records: Records[Any]
    target: NDArray[Any]
    classes: tuple[str, ...] = ()
    times: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.records)

    def take(self, positions: Positions) -> "Rows":
        """Returns some of the rows, in the order given."""
        records = self.records
        texts = {name: [values[at] for at in positions] for name, values in records.texts.items()}
        kept = None if records.rows is None else [records.rows[at] for at in positions]
        return Rows(
            Records(records.encoder, records.matrix[positions], texts, kept),
            self.target[positions],
            self.classes,
            None if self.times is None else self.times[positions],
        )

    def with_classes(self, classes: Sequence[str]) -> "Rows":
        """Returns the rows with the positions that their classes have among others."""
        places = np.array([classes.index(one) for one in self.classes], dtype=np.intp)
        return replace(self, target=places[self.target], classes=tuple(classes))

    def joined(self, others: "Rows") -> "Rows":
        """Returns these rows and then others of the same model and classes, without times."""
        both = [self.records, others.records]
        return Rows(
            Records.joined(both), np.concatenate([self.target, others.target]), self.classes
        )

    def distinct(self) -> "Rows":
        """Returns the rows without exact duplicates, the first of each kept."""
        targets_ = row_bytes(self.target.reshape(len(self), -1))
        first: dict[Any, int] = {}
        for at, key in enumerate(zip(self.records.keys(), targets_, strict=True)):
            first.setdefault(key, at)
        return self.take(np.fromiter(first.values(), dtype=np.intp))

    def without(self, others: "Rows") -> "Rows":
        """Returns the rows whose records, whatever is true of them, are not among others."""
        known = set(others.records.keys())
        kept = [at for at, key in enumerate(self.records.keys()) if key not in known]
        return self.take(np.array(kept, dtype=np.intp))

    def examples(self, model: Model[Any, Any]) -> Examples:
        """Returns the rows as a model is fitted on them."""
        return Examples(self.records, model.features(self.records), self.target, self.classes)


def read(
    model: Model[Any, Any],
    table: Table,
    *,
    target: Sequence[str] = (),
    classes: Sequence[str] = (),
    time: str | None = None,
) -> Rows:
    """Reads the rows of a table.

    Args:
        model: Whose records they are.
        table: The table.
        target: Names of its target columns; the model's own if not given.
        classes: The classes that may occur; those of the task, or all that do, if not given.
        time: Name of a column that tells when each row was observed; they come in its order then.

    Raises:
        TrainingError: Columns or values are missing or wrong; the message names them.
    """
    names = list(target) or model.target
    classes = classes or getattr(model.task, "classes", ())
    columns = validation.read(
        table, [*fields_of(model.table), *targets.target_fields(model, names, classes)]
    )
    learnt = {name: columns.pop(name) for name in names}
    values, classes = targets.encoded(model, learnt, names, classes)
    read_ = Rows(_records(model, table, columns), values, classes)
    if time is None:
        return read_
    times = times_of(table, time)
    return replace(read_, times=times).take(np.argsort(times, kind="stable"))


def _records(model: Model[Any, Any], table: Table, columns: validation.Columns) -> Records[Any]:
    converted = dict(model.from_table(columns))
    made_of = " + ".join(columns)
    if model.table is not model.record:
        validation.require_values(table, converted, model.encoder.fields, made_of)
    records = model.encoder.from_columns(converted)
    if model.encoder.keeps_rows or not all(field.plain for field in model.encoder.fields):
        return _judged(model, table, records)
    return records


def _judged(model: Model[Any, Any], table: Table, records: Records[Any]) -> Records[Any]:
    """Has pydantic judge the records, where they have rules of which only it knows."""
    rows: list[Any] = []
    refused: dict[str, list[int]] = {}
    for at in range(len(records)):
        try:
            rows.append(model.record.model_validate_json(json.dumps(plain(records, at))))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "record"
            refused.setdefault(f"column {place}: {first['msg']}", []).append(at)
    validation.refuse(table, [f"{fault}: {_places(table, at)}." for fault, at in refused.items()])
    return model.encoder.from_records(rows) if model.encoder.keeps_rows else records


def plain(records: Records[Any], at: int) -> dict[str, Any]:
    """Returns a record as a client would send it, in words of JSON."""
    if records.rows is not None:
        found: dict[str, Any] = records.rows[at].model_dump(mode="json")
        return found
    texts = {name: values[at] for name, values in records.texts.items()}
    return records.encoder.decoded(records.matrix[at].tolist(), texts)


def _places(table: Table, positions: Sequence[int]) -> str:
    shown = positions[: validation.SHOWN]
    unit = table.unit if len(positions) == 1 else f"{table.unit}s"
    more = len(positions) - len(shown)
    places = ", ".join(map(str, table.places(shown)))
    return f"{unit} {places}" + (f" and {more:,} more" if more else "")
