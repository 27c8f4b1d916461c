"""What is true of the rows: the target columns, read as the model's task wants them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from framework.answers import answer_fields
from framework.fields import FieldSpec
from framework.model import Model
from framework.tasks import Binary, Multiclass, MultiOutput
from training.errors import TrainingError
from training.validation import Columns

# Enough for every class to be present in each part of a three-way split.
MIN_ROWS_PER_CLASS = 10
MIN_ROWS = 10
# Names of parts of the performance, which a class must not have.
RESERVED = {"overall"}


def target_fields(
    model: Model[Any, Any], names: Sequence[str], classes: Sequence[str]
) -> list[FieldSpec]:
    """Returns what the target columns may hold.

    Args:
        model: The model.
        names: Names of the columns in the table.
        classes: The classes that a multiclass model may find there; any if empty.
    """
    task = model.task
    if isinstance(task, Binary):
        return [_field(names[0], "category", categories=task.labels)]
    if isinstance(task, Multiclass):
        if _are_numbers(model):
            return (
                [_field(names[0], "category", categories=tuple(map(int, classes)))]
                if (classes)
                else [_field(names[0], "int")]
            )
        return [_field(names[0], "text", categories=tuple(classes), lengths=(1, None))]
    return [_field(name, "float") for name in names]


def encoded(
    model: Model[Any, Any], columns: Columns, names: Sequence[str], classes: Sequence[str]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Returns the target as numbers, and the names of its classes; see `Examples`.

    Args:
        model: The model.
        columns: The target columns, valid as `target_fields` says.
        names: Their names.
        classes: The classes; those that occur, sorted, if empty.
    """
    task = model.task
    if not isinstance(task, Binary | Multiclass):
        values = [columns[name].astype(np.float64) for name in names]
        return np.column_stack(values) if isinstance(task, MultiOutput) else values[0], ()
    found = columns[names[0]].tolist()
    if isinstance(task, Binary):
        labels: Sequence[Any] = task.labels
        classes = task.classes
    else:
        labels = [int(one) for one in classes] if _are_numbers(model) else list(classes)
        labels = labels or sorted(set(found))
        classes = [str(label) for label in labels]
    positions = {label: position for position, label in enumerate(labels)}
    return np.array([positions[one] for one in found], dtype=np.intp), tuple(classes)


def require_variety(
    model: Model[Any, Any],
    source: str,
    names: Sequence[str],
    target: NDArray[Any],
    classes: Sequence[str],
) -> None:
    """Checks that there is something to learn, and enough rows of each class to split.

    Raises:
        TrainingError: One class or value only, or too few distinct rows.
    """
    if classes:
        _require_classes(model, f"{source}: column {names[0]}", target, classes)
        return
    if len(target) < MIN_ROWS:
        raise TrainingError(
            f"{source}: has {len(target)} distinct rows; at least {MIN_ROWS} are needed."
        )
    for name, values in zip(names, target.reshape(len(target), -1).T, strict=True):
        if (values == values[0]).all():
            raise TrainingError(
                f"{source}: column {name} holds {values[0]:g} in all {len(values):,} distinct "
                "rows; there is nothing to learn where the target does not vary."
            )


def _require_classes(
    model: Model[Any, Any], column: str, target: NDArray[Any], classes: Sequence[str]
) -> None:
    counts = np.bincount(target, minlength=len(classes)).tolist()
    labels = model.task.labels if isinstance(model.task, Binary) else classes
    shown = [repr(label) for label in labels]
    if reserved := RESERVED & set(classes):
        raise TrainingError(f"{column} has a class named {reserved.pop()!r}; give it another name.")
    if sum(count > 0 for count in counts) < 2:
        raise TrainingError(
            f"{column} holds one class only ({shown[int(target[0])]} in all {len(target):,} "
            "distinct rows); a classifier needs rows of at least two."
        )
    rare = [f"{shown[at]} has {n}" for at, n in enumerate(counts) if n < MIN_ROWS_PER_CLASS]
    if rare:
        raise TrainingError(
            f"{column} has too few distinct rows of a class to split: {', '.join(rare)}; "
            f"at least {MIN_ROWS_PER_CLASS} are needed."
        )


def _are_numbers(model: Model[Any, Any]) -> bool:
    """Whether the classes of a multiclass model are whole numbers."""
    answer: type[BaseModel] = model.answer
    return any(field.kind == "int" and field.shape == "single" for field in answer_fields(answer))


def _field(name: str, kind: Any, **rules: Any) -> FieldSpec:
    return FieldSpec(name, (name,), kind, None, **rules)
