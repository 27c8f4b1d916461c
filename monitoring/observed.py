"""Rows of the record in a model's terms: records, the answers to them, and where each stands."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel

from framework import watched
from framework.answers import AnswerField, answer_fields
from framework.card import ModelCard
from framework.fields import FieldSpec
from framework.model import Model
from framework.records import Records, row_bytes
from framework.reference import Column

INPUT, OUTPUT = "input.", "output."


class Position(NamedTuple):
    """Place of a row in the record; a later one is greater.

    Attributes:
        time: Microseconds since 1970.
        prediction_id: Of the request.
        row: In the request, counted from 0.
    """

    time: int
    prediction_id: str
    row: int


@dataclass(frozen=True)
class Observed:
    """Rows of one version of a model, in the order of the record.

    Attributes:
        model: The model.
        card: Of that version.
        records: What was asked.
        answers: Field of the answers → its values.
        positions: Where each row stands.
        left_out: Fields that the record does not keep as they were.
        incomplete: Rows that are not among these: they lack a field that each should have, such
            as one of the answer, of which the client asked for some only.
    """

    model: Model[Any, Any]
    card: ModelCard
    records: Records[Any]
    answers: dict[str, NDArray[Any]]
    positions: list[Position]
    left_out: frozenset[str]
    incomplete: int = 0

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, places: Sequence[int]) -> "Observed":
        """Returns some of the rows."""
        at = np.array(places, dtype=np.intp)
        records = self.records
        texts = {name: [values[one] for one in places] for name, values in records.texts.items()}
        return Observed(
            self.model,
            self.card,
            Records(records.encoder, records.matrix[at], texts),
            {name: values[at] for name, values in self.answers.items()},
            [self.positions[one] for one in places],
            self.left_out,
        )

    def hashes(self, begin: int = 0) -> list[int]:
        """Returns a number for each record from a place on, the same for equal records only."""
        records = self.records
        texts = [values[begin:] for values in records.texts.values()]
        rows = zip(row_bytes(records.matrix[begin:]), *texts, strict=True)
        return [_hash(row, said) for row, *said in rows]

    @cached_property
    def columns(self) -> dict[str, Column]:
        """What is watched of them, under the names of `Reference.columns`."""
        words = self.card.reference.words if self.card.reference else {}
        features = watched.of_records(self.model, self.records, words, self.left_out)
        answers = watched.of_answers(self.model.answer, self.answers, self.card.classes)
        return {**features, **{f"answer.{name}": column for name, column in answers.items()}}


def wanted_columns(model: Model[Any, Any], card: ModelCard) -> list[str]:
    """Returns the columns of the record that `observed` reads."""
    inputs = [INPUT + field.name for field in model.encoder.fields]
    return inputs + [name for names in _outputs(model, card).values() for name in names]


def observed(model: Model[Any, Any], card: ModelCard, table: pa.Table) -> Observed:
    """Reads rows of the record.

    Args:
        model: Whose they are.
        card: Of their version.
        table: The rows; see `monitoring.store`.
    """
    names = set(table.column_names)
    answer: type[BaseModel] = model.answer
    fields = answer_fields(answer)
    wanted = _outputs(model, card)
    left_out = not_kept(model, names)
    inputs = [field for field in model.encoder.fields if field.name not in left_out]
    needed = [INPUT + field.name for field in inputs if not field.nullable]
    needed += [column for one in fields if not one.nullable for column in wanted[one.name]]
    kept = table.filter(_whole(table, needed))
    return Observed(
        model,
        card,
        records_of(model, kept, left_out),
        {one.name: _answer(one, kept, wanted[one.name]) for one in fields},
        positions_of(kept),
        left_out,
        len(table) - len(kept),
    )


def not_kept(model: Model[Any, Any], columns: Collection[str]) -> frozenset[str]:
    """Returns the fields of a model's records that are not in the record as they were.

    Args:
        model: The model.
        columns: Names of the columns that are there.
    """
    return frozenset(
        field.name
        for field in model.encoder.fields
        if field.recorded != "keep" or INPUT + field.name not in columns
    )


def complete(model: Model[Any, Any], table: pa.Table) -> pa.Table:
    """Returns the rows in which each field has a value that must have one.

    A whole number that no column holds is missing there.
    """
    needed = [INPUT + field.name for field in model.encoder.fields if not field.nullable]
    return table.filter(_whole(table, needed))


def records_of(
    model: Model[Any, Any], table: pa.Table, left_out: frozenset[str] = frozenset()
) -> Records[Any]:
    """Returns what was asked.

    Args:
        model: The model.
        table: Rows of the record.
        left_out: Fields that something else stands in for.
    """
    columns = {
        field.name: _placeholder(field, len(table))
        if field.name in left_out
        else _values(table[INPUT + field.name])
        for field in model.encoder.fields
    }
    return model.encoder.from_columns(columns, len(table))


def _whole(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    """Which rows have a value in each of some columns."""
    whole = pa.array(np.ones(len(table), dtype=np.bool_))
    for name in columns:
        if name not in table.column_names:
            return pa.array(np.zeros(len(table), dtype=np.bool_))
        whole = pc.and_(whole, pc.is_valid(table[name]))
    return whole


def _outputs(model: Model[Any, Any], card: ModelCard) -> dict[str, list[str]]:
    """Returns, for each field of the answers, its columns in the record."""
    answer: type[BaseModel] = model.answer
    labels = model.task.answer_labels(answer, card)
    return {
        one.name: [f"{OUTPUT}{one.name}.{label}" for label in labels[one.name]]
        if one.shape == "labelled"
        else [OUTPUT + one.name]
        for one in answer_fields(answer)
    }


def _answer(field: AnswerField, table: pa.Table, columns: Sequence[str]) -> NDArray[Any]:
    if field.shape == "labelled":
        return np.column_stack([_numbers(table[name]) for name in columns])
    if columns[0] not in table.column_names:
        return np.full(len(table), np.nan)
    values = table[columns[0]]
    if field.shape == "list":
        return np.array(values.to_pylist(), dtype=np.float64).reshape(len(table), -1)
    if field.kind == "float":
        return _numbers(values)
    return np.array(values.to_pylist(), dtype=object)


def _values(values: pa.ChunkedArray) -> Any:
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    return _numbers(values) if is_number else values.to_pylist()


def _numbers(values: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return numbers


def _placeholder(field: FieldSpec, count: int) -> Any:
    """Stands for what is not known, so that the rest can be encoded."""
    if field.categories:
        return [field.categories[0]] * count
    if field.kind == "text":
        return [None] * count
    return np.full((count, field.length) if field.length else count, np.nan)


def positions_of(table: pa.Table) -> list[Position]:
    """Returns where each row stands."""
    times = table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    ids = table["prediction_id"].to_pylist()
    return list(map(Position, times, ids, table["row"].to_pylist()))


def _hash(row: bytes, texts: Sequence[str | None]) -> int:
    digest = hashlib.blake2b(row, digest_size=8)
    for text in texts:
        # No text is longer than 64 bits can tell, and a missing one is none of length zero.
        size = -1 if text is None else len(text)
        digest.update(size.to_bytes(8, "little", signed=True) + (text or "").encode())
    return int.from_bytes(digest.digest(), "little")
