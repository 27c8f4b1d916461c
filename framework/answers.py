"""Answers as columns: what a model computes for a batch, and how each answer looks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Generic, Literal, Self, TypeVar, get_args, get_origin, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter

from framework.fields import FieldError, FieldSpec, Kind, column_spec

AnswerT = TypeVar("AnswerT", bound=BaseModel)
Columns = Mapping[str, NDArray[Any]]
"""Field of an answer → its values: shape `[N]`, or `[N, K]` for lists and mappings."""

Shape = Literal["single", "list", "labelled"]


@dataclass(frozen=True)
class AnswerField:
    """One field of an answer.

    Attributes:
        name: Its name.
        kind: What one value is; a `Literal` of texts counts as text.
        shape: `single`, a `list` of numbers, or `labelled`: a mapping from labels to numbers.
        length: Number of values of a list of fixed length, if it has one.
        nullable: Whether a value may be missing: NaN in the array.
        description: For people.
    """

    name: str
    kind: Kind
    shape: Shape = "single"
    length: int | None = None
    nullable: bool = False
    description: str = ""

    @cached_property
    def is_plain(self) -> bool:
        """Whether the values of the array are those of the answers."""
        return self.shape != "labelled" and not self.nullable


@cache
def answer_fields(answer_type: type[BaseModel]) -> tuple[AnswerField, ...]:
    """Returns the fields of an answer type, in their order.

    Raises:
        FieldError: A field can be no column.
    """
    return tuple(
        _field(f"{answer_type.__name__}.{name}", name, info)
        for name, info in answer_type.model_fields.items()
    )


class Answers(Sequence[AnswerT], Generic[AnswerT]):
    """The answers to one batch, in order, kept as columns; each becomes an object when looked at.

    Args:
        answer_type: Type of an answer.
        columns: Its fields.
        labels: Field that is a mapping → its keys, in the order of the array's columns.
    """

    __slots__ = (
        "_columns",
        "_count",
        "_is_finite",
        "_part",
        "_values",
        "_whole",
        "answer_type",
        "labels",
    )

    def __init__(
        self,
        answer_type: type[AnswerT],
        columns: Columns,
        labels: Mapping[str, Sequence[str]] = {},
    ) -> None:
        self.answer_type = answer_type
        self.labels = labels
        self._columns: Columns | None = columns
        self._count = len(next(iter(columns.values()))) if columns else 0
        self._values: list[list[Any]] | None = None
        self._is_finite: bool | None = None
        # A part of a batch refers to the whole: what is made of that is made once for all parts.
        self._whole: Answers[AnswerT] | None = None
        self._part = slice(None)

    @classmethod
    def of(
        cls,
        answer_type: type[AnswerT],
        answers: Sequence[AnswerT],
        labels: Mapping[str, Sequence[str]],
    ) -> Self:
        """Puts answers into columns."""
        columns = {
            field.name: _column(
                field, [getattr(answer, field.name) for answer in answers], labels.get(field.name)
            )
            for field in answer_fields(answer_type)
        }
        return cls(answer_type, columns, labels)

    @classmethod
    def joined(cls, parts: Sequence["Answers[AnswerT]"]) -> "Answers[AnswerT]":
        """Joins the answers to the parts of one request, in order."""
        first = parts[0]
        columns = {
            name: np.concatenate([part.columns[name] for part in parts]) for name in first.columns
        }
        return cls(first.answer_type, columns, first.labels)

    @property
    def columns(self) -> Columns:
        """The fields of the answers."""
        if self._columns is None:
            assert self._whole is not None
            whole, part = self._whole.columns, self._part
            self._columns = {name: column[part] for name, column in whole.items()}
        return self._columns

    def values(self) -> list[list[Any]]:
        """Returns the values of each field as plain Python, in the order of the type's fields."""
        if self._values is None:
            if self._whole is None:
                self._values = self._plain_values()
            else:
                part = self._part
                self._values = [values[part] for values in self._whole.values()]
        return self._values

    def _plain_values(self) -> list[list[Any]]:
        columns = self.columns
        return [
            columns[field.name].tolist()
            if field.is_plain
            else _plain(field, columns[field.name], self.labels.get(field.name, ()))
            for field in answer_fields(self.answer_type)
        ]

    def dicts(self) -> list[dict[str, Any]]:
        """Returns the answers as plain dictionaries."""
        names = _names(self.answer_type)
        return [dict(zip(names, row, strict=True)) for row in zip(*self.values(), strict=True)]

    @property
    def is_finite(self) -> bool:
        """Whether no number is infinite, or NaN but for those that may be missing."""
        if self._is_finite is None:
            self._is_finite = (self._whole is not None and self._whole.is_finite) or all(
                is_fine.all() for is_fine in self.finite().values()
            )
        return self._is_finite

    def finite(self) -> dict[str, NDArray[np.bool_]]:
        """Returns which values are finite, or rightly missing, of the fields where some are not."""
        found = {}
        for field in answer_fields(self.answer_type):
            column = self.columns[field.name]
            # A sum is finite if all are, and quickly made; it may also overflow.
            if column.dtype.kind == "f" and not math.isfinite(column.sum()):
                is_fine = np.isfinite(column)
                found[field.name] = is_fine | np.isnan(column) if field.nullable else is_fine
        return found

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> AnswerT: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> "AnswerT | Answers[AnswerT]":
        if isinstance(index, slice):
            part: Answers[AnswerT] = type(self)(self.answer_type, {}, self.labels)
            part._columns, part._whole, part._part = None, self, index
            part._count = len(range(*index.indices(self._count)))
            return part
        start = range(self._count)[index]
        return _validated(self[start : start + 1])[0]

    def __iter__(self) -> Iterator[AnswerT]:
        return iter(_validated(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@cache
def _names(answer_type: type[BaseModel]) -> list[str]:
    return [field.name for field in answer_fields(answer_type)]


def _validated(answers: Answers[AnswerT]) -> list[AnswerT]:
    # One call for the whole list takes half the time of a constructor call for each.
    return _adapter(answers.answer_type).validate_python(answers.dicts())


@cache
def _adapter(answer_type: type[AnswerT]) -> TypeAdapter[list[AnswerT]]:
    return TypeAdapter(list[answer_type])  # type: ignore[valid-type]


_DTYPES: dict[Kind, Any] = {"float": float, "int": int, "bool": bool, "text": object}


def _column(field: AnswerField, values: list[Any], labels: Sequence[str] | None) -> NDArray[Any]:
    if field.shape == "labelled" and labels is not None:
        values = [[value[label] for label in labels] for value in values]
    if field.nullable:
        values = [math.nan if value is None else value for value in values]
    return np.array(values, dtype=_DTYPES[field.kind])


def _plain(field: AnswerField, column: NDArray[Any], labels: Sequence[str]) -> list[Any]:
    values: list[Any] = column.tolist()
    if field.shape == "labelled":
        return [dict(zip(labels, row, strict=True)) for row in values]
    if field.nullable:
        return [None if value is None or math.isnan(value) else value for value in values]
    return values


def _field(place: str, name: str, info: Any) -> AnswerField:
    annotation = info.annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    description = info.description or ""
    if origin is dict and arguments[0] is str:
        return AnswerField(name, _number(place, arguments[1]), "labelled", description=description)
    if origin is list and info.metadata == []:
        return AnswerField(name, _number(place, arguments[0]), "list", description=description)
    spec = column_spec(place, annotation if not info.metadata else _annotated(info))
    if spec.nullable and (spec.kind != "float" or spec.length):
        raise FieldError(f"{place}: only a single float of an answer may be missing.")
    return AnswerField(
        name,
        _kind(spec),
        "list" if spec.length else "single",
        spec.length,
        spec.nullable,
        description,
    )


def _annotated(info: Any) -> Any:
    from typing import Annotated

    return Annotated[(info.annotation, *info.metadata)]


def _kind(spec: FieldSpec) -> Kind:
    if spec.kind != "category":
        return spec.kind
    return "text" if type(spec.categories[0]) is str else "int"


def _number(place: str, annotation: Any) -> Kind:
    spec = column_spec(place, annotation)
    if spec.kind not in ("float", "int") or spec.length or spec.nullable:
        raise FieldError(f"{place}: a list or mapping of an answer holds numbers.")
    return spec.kind
