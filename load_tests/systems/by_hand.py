"""What one would write by hand for the fields of a model: generated, so that it fits any model."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from framework.encoder import Encoder
from framework.fields import FieldSpec


def matrix_maker(encoder: Encoder[Any]) -> Callable[[Sequence[Any]], NDArray[np.float64]]:
    """Returns what makes one array of records: attributes, and dictionary look-ups.

    For two fields, of which one is a category, it is
    `np.array([[one.age, salary[one.salary]] for one in records], dtype=np.float64)`.
    """
    fields = [field for field in encoder.fields if field.kind != "text"]
    codes = {
        field.name: {**{value: at for at, value in enumerate(field.categories)}, None: math.nan}
        for field in fields
        if field.categories
    }
    numbers = ", ".join(_number(field) for field in fields)
    made = _evaluated(f"lambda records: [[{numbers}] for one in records]", codes)
    width = len(encoder.columns)
    return lambda records: np.array(made(records), dtype=np.float64).reshape(len(records), width)


def answers_maker(
    names: Sequence[str], labels: dict[str, Sequence[str]]
) -> Callable[[dict[str, NDArray[Any]]], list[Any]]:
    """Returns what makes a dictionary of each answer, with one comprehension over the columns.

    Args:
        names: Fields of an answer.
        labels: Fields that are mappings → their keys.
    """
    pairs = ", ".join(
        f"{name!r}: {f'dict(zip({name}_labels, {name}))' if name in labels else name}"
        for name in names
    )
    keys = {f"{name}_labels": keys for name, keys in labels.items()}
    made = _evaluated(f"lambda rows: [{{{pairs}}} for ({', '.join(names)},) in rows]", keys)
    return lambda columns: cast(
        list[Any], made(zip(*(columns[name].tolist() for name in names), strict=True))
    )


def _number(field: FieldSpec) -> str:
    value = f"one.{field.name}"
    if field.categories:
        return f"{field.name}[{value}]"
    if field.length is None:
        return value
    return f"*({value} or {[None] * field.length})" if field.nullable else f"*{value}"


def _evaluated(source: str, names: dict[str, Any]) -> Callable[[Any], Any]:
    return cast(Callable[[Any], Any], eval(source, dict(names)))  # noqa: S307 - our own names
