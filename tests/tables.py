"""Tables to train a model on that brings no data along: random records, and a target they tell."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from framework import Binary, Model, Multiclass
from framework.answers import answer_fields
from tests.contract.cases import random_records

ROWS = 400


def write_table(model: Model[Any, Any], folder: Path, count: int = ROWS) -> Path:
    """Writes a table that a model can be trained on, as its users might have it.

    The target follows the first field that varies, so that there is something to learn.
    """
    if model.table is not model.record:
        raise NotImplementedError(f"{model.name} reads a table of its own and brings none along")
    records = random_records(model, count)
    frame = pd.DataFrame([_cells(model, record) for record in records])
    leading = next(name for name in frame if frame[name].nunique() > 1)
    order = frame[leading].map(str).rank(method="first").astype(int)
    rng = random.Random(count)
    for place, target in enumerate(model.target):
        frame[target] = _target(model, order, rng, place)
    path = folder / f"{model.name}.csv"
    frame.to_csv(path, index=False)
    return path


def _cells(model: Model[Any, Any], record: dict[str, Any]) -> dict[str, Any]:
    cells = {}
    for field in model.encoder.fields:
        value = record.get(field.name, field.default)
        if field.length is None:
            cells[field.name] = value
        else:
            # A list takes a column of the table for each of its values.
            values = [None] * field.length if value is None else value
            cells |= dict(zip(field.columns, values, strict=True))
    return cells


def _target(model: Model[Any, Any], order: pd.Series, rng: random.Random, place: int) -> list[Any]:
    count = len(order)
    noisy = [at + rng.gauss(0, count / 10) for at in order]
    if isinstance(model.task, Binary):
        return [model.task.labels[value > count / 2] for value in noisy]
    if isinstance(model.task, Multiclass):
        classes = model.task.classes or _class_names(model)
        share = count / len(classes)
        return [classes[min(len(classes) - 1, max(0, int(value / share)))] for value in noisy]
    return [(place + 1) * value for value in noisy]


def _class_names(model: Model[Any, Any]) -> tuple[str, ...]:
    """Names of classes for a model that takes them from its data."""
    answer: type[BaseModel] = model.answer
    is_number = any(field.kind == "int" for field in answer_fields(answer))
    return ("1", "2", "3") if is_number else ("first", "second", "third")
