"""The records of a batch as numbers and texts, encoded when a model asks for them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

if TYPE_CHECKING:
    from framework.encoder import Encoder

RecordT = TypeVar("RecordT", bound=BaseModel)
Matrix = NDArray[np.float64]


class Records(Sequence[RecordT]):
    """Records of one batch, kept as a matrix and texts; each becomes an object when looked at.

    What asks a model hands this through: codecs make it of JSON, messages and tensors, the
    batcher joins it, and a service method may use it as the sequence of records that it is.

    Attributes:
        encoder: What made it.
        rows: The records themselves, if they hold more than the matrix (`keeps_rows`).
        unencoded: Rows of values of which matrix and texts are still to be made; None after.
    """

    __slots__ = ("_matrix", "_texts", "encoder", "rows", "unencoded")

    def __init__(
        self,
        encoder: "Encoder[RecordT]",
        matrix: Matrix,
        texts: dict[str, list[Any]],
        rows: list[RecordT] | None = None,
    ) -> None:
        self.encoder = encoder
        self.rows = rows
        self._matrix = matrix
        self._texts = texts
        self.unencoded: list[Sequence[Any]] | None = None

    @classmethod
    def of_values(cls, encoder: "Encoder[RecordT]", values: list[Sequence[Any]]) -> Self:
        """Keeps rows of values until they are encoded, all of a batch at once.

        Args:
            encoder: Will encode them.
            values: Each row the valid values of the fields in their order, whole numbers within
                64 bits.
        """
        records = cls.__new__(cls)
        records.encoder = encoder
        records.rows = None
        records.unencoded = values
        return records

    @classmethod
    def joined(cls, parts: Sequence["Records[RecordT]"]) -> "Records[RecordT]":
        """Joins records of one encoder, in order."""
        first = parts[0]
        if len(parts) == 1:
            return first
        values: list[Sequence[Any]] = []
        for part in parts:
            if part.unencoded is None:
                break
            values += part.unencoded
        else:
            return cls.of_values(first.encoder, values)
        texts = {
            name: [text for part in parts for text in part.texts[name]] for name in first.texts
        }
        rows = None
        if all(part.rows is not None for part in parts):
            rows = [row for part in parts for row in part.rows or ()]
        matrix = np.concatenate([part.matrix for part in parts])
        return cls(first.encoder, matrix, texts, rows)

    @property
    def matrix(self) -> Matrix:
        """One row per record, shape `[N, len(encoder.columns)]`."""
        self._encode()
        return self._matrix

    @property
    def texts(self) -> Mapping[str, list[Any]]:
        """Field → its text in each record."""
        self._encode()
        return self._texts

    @property
    def text_columns(self) -> Collection[Sequence[Any]]:
        """The texts of each field that has some; nothing is encoded for it."""
        if (values := self.unencoded) is None:
            return self._texts.values()
        places = [self.encoder.names.index(name) for name in self.encoder.texts]
        return [[row[at] for row in values] for at in places]

    def _encode(self) -> None:
        if self.unencoded is not None:
            self._matrix, self._texts = self.encoder.encode(self.unencoded)
            # Last: another thread may ask for the length meanwhile.
            self.unencoded = None

    @property
    def columns(self) -> dict[str, Any]:
        """Field → its values: floats (categories as codes), shape `[N]` or `[N, length]`; texts."""
        found: dict[str, Any] = dict(self.texts)
        start = 0
        for field in self.encoder.fields:
            if field.kind == "text":
                continue
            stop = start + field.width
            found[field.name] = (
                self.matrix[:, start] if field.length is None else self.matrix[:, start:stop]
            )
            start = stop
        return found

    def keys(self) -> list[Any]:
        """Returns something for each record that is equal for equal records only."""
        return list(zip(row_bytes(self.matrix), *self.texts.values(), strict=True))

    def __len__(self) -> int:
        values = self.unencoded
        return len(self._matrix) if values is None else len(values)

    @overload
    def __getitem__(self, index: int) -> RecordT: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> "RecordT | Records[RecordT]":
        if isinstance(index, slice):
            if (kept := self.unencoded) is not None:
                return self.of_values(self.encoder, kept[index])
            texts = {name: values[index] for name, values in self.texts.items()}
            rows = None if self.rows is None else self.rows[index]
            return type(self)(self.encoder, self.matrix[index], texts, rows)
        if self.rows is not None:
            return self.rows[index]
        texts = {name: values[index] for name, values in self.texts.items()}
        values = self.encoder.decoded(self._matrix[index].tolist(), texts)
        return self.encoder.record_type.model_construct(**values)

    def __iter__(self) -> Iterator[RecordT]:
        return (self[index] for index in range(len(self)))

    def __add__(self, other: Iterable[RecordT]) -> list[RecordT]:
        return [*self, *other]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def row_bytes(matrix: NDArray[Any]) -> Iterator[bytes]:
    """Returns the bytes of each row: equal for equal rows, NaN being equal to itself."""
    # Adding nothing makes one zero of the two that there are.
    return (row.tobytes() for row in np.ascontiguousarray(matrix + 0))
