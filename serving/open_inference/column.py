"""One column of a request: its values read, and checked against the rules of its field.

A column within its bounds is accepted by a look at its smallest and largest value. One that is
not is handed to pydantic, which knows the field's exact rules and the sentence for each breach: so
columns are refused for what rows are refused for.
"""

import math
from itertools import chain
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from framework.open_inference.tensors import (
    BYTES,
    DTYPES,
    Tensor,
    TensorError,
    array,
    typed,
    values,
)
from serving.open_inference.signature import InputColumn

# Values that pydantic is given at a time.
_SLICE = 250


def read_column(column: InputColumn, tensor: Tensor, rows: int) -> Any:
    """Returns a tensor's values.

    Raises:
        TensorError: They do not match its datatype and shape.
        RefusedError: The field does not allow one of them.
    """
    if column.vocabulary is not None:
        return _positions(column, tensor, rows)
    count = rows * (column.spec.length or 1)
    if not isinstance(tensor.data, list) and tensor.datatype != BYTES:
        found = array(tensor.data, tensor.datatype, count)
        if not _within(column, found):
            _accepted(column, _values(column, found.tolist(), tensor.datatype))
        return found.reshape(rows, -1) if column.spec.length else found
    given = _values(column, values(tensor, count), tensor.datatype)
    accepted = _accepted(column, given)
    # Of a whole number in a field of floats, pydantic makes a float.
    is_whole = tensor.datatype.startswith(("INT", "UINT"))
    return _typed(column, given if is_whole else accepted, tensor.datatype)


def _positions(column: InputColumn, tensor: Tensor, rows: int) -> NDArray[Any]:
    categories = column.spec.categories
    if isinstance(tensor.data, bytes) and column.vocabulary is not None and not tensor.base64:
        positions = column.vocabulary.positions(tensor.data, rows)
        if positions is not None:
            if column.spec.nullable:
                return np.where(positions < len(categories), positions, math.nan)
            return positions
    given = _values(column, values(tensor, rows), tensor.datatype)
    accepted = _accepted(column, given)
    position: dict[Any, float] = {category: at for at, category in enumerate(categories)}
    return np.array([position.get(value, math.nan) for value in accepted])


def _values(column: InputColumn, given: list[Any], datatype: str) -> list[Any]:
    """Returns the values of a tensor as a record would have them.

    NaN, and an empty text, stand for a missing value where one is allowed; whole numbers and truth
    values may come as floats there, because only those have a NaN.
    """
    spec = column.spec
    if spec.nullable and datatype == BYTES:
        return [None if one == "" else one for one in given]
    if spec.nullable and datatype.startswith("FP") and spec.kind != "float":
        given = [_whole(one, spec.kind) for one in given]
    if spec.length is not None:
        size = spec.length
        given = [given[at : at + size] for at in range(0, len(given), size)]
    return [None if _is_missing(one) else one for one in given] if spec.nullable else given


def _whole(value: Any, kind: str) -> Any:
    if kind == "bool" and value in (0, 1):
        return bool(value)
    return int(value) if type(value) is float and value.is_integer() else value


def _is_missing(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_missing, value))
    return value is None or (isinstance(value, float) and math.isnan(value))


def _within(column: InputColumn, found: NDArray[Any]) -> bool:
    """Whether all values are numbers within the field's bounds, or missing where they may be."""
    spec = column.spec
    if not spec.plain or spec.kind == "category":
        return False
    if found.dtype.kind == "b":
        return True
    if spec.nullable and found.dtype.kind == "f":
        if spec.length is not None or spec.kind == "bool":
            return False
        found = found[~np.isnan(found)]
        if not len(found):
            return True
        return _bounded(column, found) and (spec.kind == "float" or bool((found % 1 == 0).all()))
    return _bounded(column, found)


def _bounded(column: InputColumn, found: NDArray[Any]) -> bool:
    low, high = found.min().item(), found.max().item()
    bounds = column.spec.bounds
    return bool(
        math.isfinite(low)
        and math.isfinite(high)
        and low >= bounds.get("ge", -math.inf)
        and high <= bounds.get("le", math.inf)
        and low > bounds.get("gt", -math.inf)
        and high < bounds.get("lt", math.inf)
    )


def _typed(column: InputColumn, listed: list[Any], datatype: str) -> Any:
    """Returns values as the array that the same tensor would be in raw form.

    Raises:
        TensorError: The datatype has no such value.
    """
    if datatype == BYTES:
        return listed
    spec, dtype = column.spec, np.dtype(DTYPES[datatype])
    rows = [one for one in listed if one is not None]
    present = list(chain.from_iterable(rows)) if spec.length else rows
    if dtype.kind in "iu" and not all(type(value) is int for value in present):
        raise TensorError(f"A value is not a whole number, as {datatype} asks for")
    made = typed(present, datatype)
    if spec.length:
        made = made.reshape(-1, spec.length)
    if len(rows) == len(listed):
        return made
    whole = np.full((len(listed), *made.shape[1:]), math.nan)
    whole[[one is not None for one in listed]] = made
    return whole


class RefusedError(Exception):
    """Pydantic refuses some values of a column, which is not read any further.

    Attributes:
        start: Number of the first row that it was given.
        error: Its refusal.
        is_last: Whether it has seen all rows.
    """

    def __init__(self, start: int, error: pydantic.ValidationError, *, is_last: bool) -> None:
        super().__init__()
        self.start = start
        self.error = error
        self.is_last = is_last


def _accepted(column: InputColumn, given: list[Any]) -> list[Any]:
    """Returns the values that pydantic makes of those given, if it accepts all of them."""
    accepted: list[Any] = []
    # Of each problem pydantic makes an object; the first values with some tell enough.
    for start in range(0, len(given), _SLICE):
        try:
            accepted += column.validator.validate_python(given[start : start + _SLICE])
        except pydantic.ValidationError as error:
            is_last = start + _SLICE >= len(given)
            raise RefusedError(start, error, is_last=is_last) from None
    return accepted


def listed(column: InputColumn, values: Any) -> list[Any]:
    """Returns what `read_columns` made of a tensor as the values that a record would have."""
    spec = column.spec
    is_array = isinstance(values, np.ndarray)
    found: list[Any] = values.tolist() if is_array else list(values)
    if spec.nullable:
        found = [None if _is_missing(one) else one for one in found]
    make: Any = {"int": int, "bool": bool}.get(spec.kind)
    if spec.categories and type(spec.categories[0]) is int:
        make = int
    elif spec.categories and is_array:
        make = lambda position: spec.categories[int(position)]  # noqa: E731
    if make is None:
        return found
    if spec.length is not None:
        return [None if one is None else list(map(make, one)) for one in found]
    return [None if one is None else make(one) for one in found]
