"""What is to be told of a row: the task, and the fields of an answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from framework.scaffold.errors import ColumnError, ScaffoldError
from framework.scaffold.features import MAX_NAME, Kind, parsed
from framework.scaffold.naming import identifier
from framework.scaffold.table import Column

Task = Literal["Binary", "Multiclass", "Regression", "MultiOutput"]

MIN_ROWS_PER_CLASS = 10
"""Enough rows of a class for every part of a split to have some."""

MAX_WHOLE_CLASSES = 20
"""Different whole numbers up to which they are classes, not amounts."""

_YES = {"yes", "y", "true", "t", "1", "positive", "pos", "ja", "oui", "si", "on"}


@dataclass(frozen=True)
class Question:
    """What a model learns to tell.

    Attributes:
        task: Name of the task's class.
        targets: Columns of the file.
        names: Names of the answer's fields that stand for them.
        labels: Values of the target of a classifier, in order; of two the second is "yes".
        whole: Whether these are whole numbers.
        why: Why this task, in a few words.
    """

    task: Task
    targets: tuple[str, ...]
    names: tuple[str, ...]
    why: str
    labels: tuple[Any, ...] = ()
    whole: bool = False


def question_of(columns: Sequence[Column]) -> Question:
    """Decides what kind of question the targets ask.

    Raises:
        ScaffoldError: No model can learn to tell them; the message says what to do.
    """
    names: list[str] = []
    for column in columns:
        names.append(identifier(column.name, [*names, "probability", "probabilities"]))
    told = [_told(column) for column in columns]
    if len(columns) == 1:
        return _single(columns[0], names[0], *told[0])
    for column, (kind, _) in zip(columns, told, strict=True):
        if kind not in ("int", "float"):
            raise ScaffoldError(
                f"The target {column.name!r} is no number: several targets must all be numbers; "
                "make a model of its own for it."
            )
    targets = tuple(column.name for column in columns)
    return Question("MultiOutput", targets, tuple(names), f"{len(columns)} targets")


def _single(column: Column, name: str, kind: Kind, values: list[Any]) -> Question:
    counts = Counter(values)
    different = f"{len(counts)} different values"
    if kind == "float" or (kind == "int" and not _are_classes(counts)):
        return Question("Regression", (column.name,), (name,), f"numbers, {different}")
    if rare := [value for value, rows in counts.items() if rows < MIN_ROWS_PER_CLASS]:
        raise ScaffoldError(
            f"The target {column.name!r} is {str(rare[0])!r} in {counts[rare[0]]} rows only; each "
            f"class needs {MIN_ROWS_PER_CLASS}: merge rare classes, or delete their rows."
        )
    if longest := next((one for one in counts if len(str(one)) > MAX_NAME), None):
        raise ScaffoldError(
            f"The target {column.name!r} holds texts of more than {MAX_NAME} characters "
            f"({longest[:20]!r}…): give the classes shorter names."
        )
    # As they stand in the file, where truth values of a CSV file are words.
    labels = sorted(column.distinct if kind == "bool" else counts)
    if len(labels) == 2:
        # Yes is the second: of whole numbers the larger.
        labels.sort(key=lambda label: kind != "int" and str(label).strip().lower() in _YES)
        why = f"two values; the probability is that of {labels[1]!r}"
        return Question("Binary", (column.name,), (name,), why, tuple(labels), kind == "int")
    why = f"{different} in {len(values):,} rows"
    return Question("Multiclass", (column.name,), (name,), why, tuple(labels), kind == "int")


def _are_classes(counts: Counter[Any]) -> bool:
    """Whether whole numbers are classes: few, and none of them rare."""
    return len(counts) == 2 or (
        len(counts) <= MAX_WHOLE_CLASSES and min(counts.values()) >= MIN_ROWS_PER_CLASS
    )


def _told(column: Column) -> tuple[Kind, list[Any]]:
    """Returns what a target's values are, and the values as that.

    Raises:
        ScaffoldError: They are nothing that a model could learn to tell.
    """
    try:
        kind, values = parsed(column)
    except ColumnError as error:
        raise ScaffoldError(f"The target {column.name!r} {error.why}.") from error
    if missing := sum(value is None for value in values):
        raise ScaffoldError(
            f"The target {column.name!r} is empty in {missing:,} of {len(values):,} rows: fill "
            "them in, or delete these rows."
        )
    if len(set(values)) < 2:
        raise ScaffoldError(
            f"The target {column.name!r} is {str(values[0])!r} in every row: there is nothing to "
            "tell; take another column, or rows of the other kind too."
        )
    return kind, values
