"""What may be told to have become true: the labels that a model's task takes."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from framework.model import Model
from framework.tasks import Binary, Multiclass, MultiOutput

LabelValue: TypeAlias = str | float | list[float]
"""A label as it is kept: a class by its name, a number, or a number for each target."""

_SHOWN_CLASSES = 10


class LabelKind(ABC):
    """Which labels a model takes.

    Attributes:
        allowed: The same, for people.
    """

    allowed: str

    @abstractmethod
    def read(self, label: Any) -> LabelValue | None:
        """Returns a label as it is kept, or None if it is none of the task's.

        Args:
            label: As JSON has it.
        """

    @abstractmethod
    def read_text(self, text: str) -> LabelValue | None:
        """Does so with a label that is written as text, in capitals or not."""

    def read_cell(self, cell: Any) -> LabelValue | None:
        """Does so with the cell of a table, which may be text or not."""
        return self.read_text(cell) if isinstance(cell, str) else self.read(cell)

    def truth(self, value: LabelValue) -> Any:
        """Returns what a kept label says; see `framework.fitting.Examples.target`."""
        return value


class _Classes(LabelKind):
    def __init__(self, classes: Sequence[str], spellings: Mapping[str, str], others: str) -> None:
        self._places = {name: at for at, name in enumerate(classes)}
        self._spellings = {**spellings, **{name: name for name in classes}}
        self._folded = {text.lower(): name for text, name in self._spellings.items()}
        shown = ", ".join(classes[:_SHOWN_CLASSES])
        more = f" … ({len(classes)} classes)" if len(classes) > _SHOWN_CLASSES else ""
        self.allowed = f"one of {shown}{more}{others}"

    def read(self, label: Any) -> LabelValue | None:
        if isinstance(label, bool):
            label = str(label).lower()
        elif isinstance(label, float) and label.is_integer():
            # JavaScript and protobuf know no other numbers.
            label = int(label)
        is_one = isinstance(label, str | int | float)
        return self._spellings.get(str(label)) if is_one else None

    def read_text(self, text: str) -> LabelValue | None:
        return self._spellings.get(text, self._folded.get(text.lower()))

    def truth(self, value: LabelValue) -> Any:
        return self._places.get(str(value))


class _Number(LabelKind):
    allowed = "a finite number"

    def read(self, label: Any) -> LabelValue | None:
        return _finite(label)

    def read_text(self, text: str) -> LabelValue | None:
        return self.read(_json(text))


class _Numbers(LabelKind):
    def __init__(self, count: int) -> None:
        self._count = count
        self.allowed = f"a list of {count} finite numbers"

    def read(self, label: Any) -> LabelValue | None:
        if not isinstance(label, list) or len(label) != self._count:
            return None
        numbers = [number for one in label if (number := _finite(one)) is not None]
        return numbers if len(numbers) == self._count else None

    def read_text(self, text: str) -> LabelValue | None:
        return self.read(_json(text))


def label_kind(model: Model[Any, Any], classes: Sequence[str]) -> LabelKind:
    """Returns which labels a model takes.

    Classes are told by their names; the two of a yes-or-no question also by their values in the
    training table, and as true or false.

    Args:
        model: The model.
        classes: Names of its classes, as the card of a stored version knows them.
    """
    task = model.task
    if isinstance(task, Binary):
        told = [str(label) for label in task.labels]
        spellings = dict(zip(["false", "true"], classes, strict=True))
        spellings |= dict(zip(told, classes, strict=True))
        return _Classes(classes, spellings, f", {' or '.join(told)}, false or true")
    if isinstance(task, Multiclass):
        return _Classes(classes, {}, "")
    return _Numbers(len(model.target)) if isinstance(task, MultiOutput) else _Number()


def _finite(label: Any) -> float | None:
    if isinstance(label, bool) or not isinstance(label, int | float):
        return None
    try:
        number = float(label)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
