"""One encoder for rows and columns, in training and serving alike."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Generic

import numpy as np

from framework.fields import FieldSpec, fields_of, has_own_rules
from framework.records import Matrix, Records, RecordT


class EncodingError(ValueError):
    """A value that has no place in the matrix.

    Attributes:
        row: The record it stands in, counted from 0.
        field: The field it is the value of.
    """

    def __init__(self, row: int, field: str, message: str) -> None:
        super().__init__(message)
        self.row = row
        self.field = field


class Encoder(Generic[RecordT]):
    """Turns the records of one type into a matrix of numbers and lists of texts, and back.

    Numbers and truth values stand for themselves, values of a `Literal` become their positions
    among its values, lists of fixed length take a column for each value, and a missing value is
    NaN. Texts stay texts: each such field is a list beside the matrix.

    Args:
        record_type: Type of a record.

    Raises:
        FieldError: A field has no encoding.
    """

    def __init__(self, record_type: type[RecordT]) -> None:
        self.record_type = record_type
        self.fields = fields_of(record_type)
        self.names = [field.name for field in self.fields]
        self.columns = [column for field in self.fields for column in field.columns]
        """Names of the matrix's columns."""

        self.texts = [field.name for field in self.fields if field.kind == "text"]
        self.categories = {
            field.name: list(field.categories) for field in self.fields if field.categories
        }
        self.keeps_rows = has_own_rules(record_type)
        """Whether rows hold what the matrix does not: what the type's own validators made."""

        self._codes = {
            name: {value: float(code) for code, value in enumerate(values)}
            for name, values in self.categories.items()
        }
        for field in self.fields:
            if field.nullable and field.name in self._codes:
                self._codes[field.name][None] = math.nan
        # Where every field is one number, rows are laid end to end and read in one go.
        self._is_flat = all(field.width == 1 and field.length is None for field in self.fields)
        self._mapped = [
            (index, self._codes[field.name])
            for index, field in enumerate(self.fields)
            if field.name in self._codes
        ]
        self._nullable = [
            index
            for index, field in enumerate(self.fields)
            if field.nullable and not field.categories
        ]
        self._starts = np.cumsum([0, *(field.width for field in self.fields)]).tolist()

    def encode(self, rows: Sequence[Sequence[Any]]) -> tuple[Matrix, dict[str, list[Any]]]:
        """Returns the matrix and the texts of rows.

        Args:
            rows: Each the valid values of the fields in their order.

        Raises:
            EncodingError: A whole number is beyond what a 64-bit float can hold.
        """
        try:
            if self._is_flat:
                return self._single(rows[0]) if len(rows) == 1 else self._flat(rows), {}
            columns = {name: [row[at] for row in rows] for at, name in enumerate(self.names)}
            return self._matrix(columns, len(rows)), {name: columns[name] for name in self.texts}
        except OverflowError:
            raise self._overflow(rows) from None

    def from_records(self, records: Sequence[RecordT]) -> "Records[RecordT]":
        """Encodes validated records.

        Raises:
            EncodingError: A whole number is beyond what a 64-bit float can hold.
        """
        # A pydantic model keeps its fields in their order.
        matrix, texts = self.encode([tuple(vars(record).values()) for record in records])
        return Records(self, matrix, texts, list(records) if self.keeps_rows else None)

    def from_columns(
        self, columns: Mapping[str, Any], count: int | None = None
    ) -> "Records[RecordT]":
        """Encodes whole columns.

        Args:
            columns: Field → its values, all of one length: numbers as they are, categories as
                themselves (those that are texts also as their codes, in an array of numbers),
                lists as lists or as an array of shape `[N, length]`. Missing values are `None`
                or NaN.
            count: Number of records; that of the first column if not given.

        Raises:
            KeyError: A field is missing, or a category is not one of its `Literal`.
        """
        count = len(columns[self.names[0]]) if count is None else count
        texts = {name: list(columns[name]) for name in self.texts}
        return Records(self, self._matrix(columns, count), texts)

    def _matrix(self, columns: Mapping[str, Any], count: int) -> Matrix:
        matrix = np.empty((count, len(self.columns)), dtype=np.float64)
        for field, start in zip(self.fields, self._starts, strict=False):
            if field.kind != "text":
                stop = start + field.width
                place = matrix[:, start] if field.length is None else matrix[:, start:stop]
                place[...] = self._column(field, columns[field.name])
        return matrix

    def _single(self, row: Sequence[Any]) -> Matrix:
        # Most requests: the same as `_flat`, in half the time.
        values = list(row)
        for index, codes in self._mapped:
            values[index] = codes[values[index]]
        for index in self._nullable:
            if values[index] is None:
                values[index] = math.nan
        return np.fromiter(values, np.float64, len(values)).reshape(1, -1)

    def _flat(self, rows: Sequence[Sequence[Any]]) -> Matrix:
        values: list[Any] = []
        for row in rows:
            values.extend(row)
        width = len(self.names)
        for index, codes in self._mapped:
            values[index::width] = map(codes.__getitem__, values[index::width])
        for index in self._nullable:
            column = values[index::width]
            values[index::width] = [math.nan if value is None else value for value in column]
        return np.fromiter(values, dtype=np.float64, count=len(values)).reshape(-1, width)

    def _column(self, field: FieldSpec, values: Any) -> Any:
        is_array = isinstance(values, np.ndarray) and values.dtype.kind in "iufb"
        if field.name in self._codes and not (is_array and type(field.categories[0]) is str):
            codes = self._codes[field.name]
            return [codes[None if _is_missing(value) else value] for value in values]
        if is_array:
            return values
        if field.length is not None:
            missing = [math.nan] * field.length
            return np.array(
                [missing if value is None else value for value in values], dtype=np.float64
            ).reshape(-1, field.length)
        return [math.nan if value is None else value for value in values]

    def _overflow(self, rows: Sequence[Sequence[Any]]) -> EncodingError:
        for number, row in enumerate(rows):
            for field, value in zip(self.fields, row, strict=True):
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, int) and abs(one) > sys.float_info.max:
                        return EncodingError(number, field.name, "Input should fit a 64-bit float")
        raise AssertionError("no value overflows")

    def decoded(self, numbers: Sequence[float], texts: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the values of a record, by field, from its row of the matrix and its texts."""
        return {
            field.name: texts[field.name]
            if field.kind == "text"
            else _decoded(field, numbers[start : start + field.width])
            for field, start in zip(self.fields, self._starts, strict=False)
        }


def _decoded(field: FieldSpec, numbers: Sequence[float]) -> Any:
    if math.isnan(numbers[0]) and field.nullable:
        return None
    values = [_value(field, number) for number in numbers]
    return values if field.length is not None else values[0]


def _value(field: FieldSpec, number: float) -> Any:
    if field.kind == "category":
        return field.categories[int(number)]
    return {"float": float, "int": int, "bool": bool}[field.kind](number)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
