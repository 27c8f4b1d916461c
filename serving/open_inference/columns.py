"""Whole columns are read and checked here, without an object per row.

A column within its bounds is accepted by a look at its smallest and largest value. One that is
not is handed to pydantic, which knows the field's exact rules and the sentence for each breach: so
columns are refused for what rows are refused for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from serving.errors import ServingError
from serving.open_inference.signature import InputColumn, Signature
from serving.open_inference.tensors import BYTES, DTYPES, Tensor, TensorError, array, values

Problem = dict[str, Any]


def read_columns(
    signature: Signature, tensors: Sequence[Tensor], max_rows: int
) -> dict[str, NDArray[Any]]:
    """Returns the columns of a request by field name, all of one length.

    Fields of a `Literal` type come as the positions of their values.

    Args:
        signature: What the model takes.
        tensors: The request's inputs.
        max_rows: Most rows allowed.

    Raises:
        ServingError: `invalid_input` with every tensor and row that is wrong, or
            `payload_too_large`.
    """
    by_field, problems = _by_field(signature, tensors)
    if problems:
        raise ServingError.from_details(problems)
    rows = _rows(by_field, max_rows)
    columns = {}
    for name, column in signature.inputs.items():
        try:
            columns[name] = _read(column, by_field[name], rows)
        except TensorError as error:
            problems.append(_problem(by_field[name].name, str(error), "tensor"))
        except pydantic.ValidationError as error:
            problems += _located(by_field[name].name, error)
    if problems:
        raise ServingError.from_details(problems)
    return columns


def _by_field(
    signature: Signature, tensors: Sequence[Tensor]
) -> tuple[dict[str, Tensor], list[Problem]]:
    by_field: dict[str, Tensor] = {}
    problems = []
    named = [(tensor, signature.named(tensor.name)) for tensor in tensors]
    for tensor, column in named:
        if column is None:
            known = ", ".join(signature.inputs)
            message = f"There is no input of this name; there are: {known}"
            problems.append(_problem(tensor.name, message, "extra_forbidden"))
        elif column.name in by_field:
            problems.append(
                _problem(tensor.name, "The input is given more than once", "extra_forbidden")
            )
        elif tensor.datatype not in column.accepted:
            message = f"The datatype should be {' or '.join(column.accepted)}"
            problems.append(_problem(tensor.name, message, "datatype"))
        else:
            by_field[column.name] = tensor
    given = {column.name for _, column in named if column}
    problems += [
        _problem(name, "Field required", "missing")
        for name in signature.inputs
        if name not in given
    ]
    return by_field, problems


def _rows(by_field: Mapping[str, Tensor], max_rows: int) -> int:
    """Returns the number of rows, of which all tensors must have as many."""
    shapes = {tensor.name: tuple(tensor.shape) for tensor in by_field.values()}
    problems = [
        _problem(name, "The shape should be [N] or [N, 1], N being the number of rows", "shape")
        for name, shape in shapes.items()
        if len(shape) not in (1, 2) or shape[0] < 1 or shape[1:] not in ((), (1,))
    ]
    if problems:
        raise ServingError.from_details(problems)
    first, *others = shapes
    rows = shapes[first][0]
    problems = [
        _problem(name, f"There are {shapes[name][0]} rows, but {rows} in {first}", "shape")
        for name in others
        if shapes[name][0] != rows
    ]
    if problems:
        raise ServingError.from_details(problems)
    if rows > max_rows:
        raise ServingError.too_many_rows(max_rows)
    return rows


def _read(column: InputColumn, tensor: Tensor, rows: int) -> NDArray[Any]:
    """Returns a tensor's values.

    Raises:
        TensorError: They do not match its datatype and shape.
        pydantic.ValidationError: The field does not allow one of them.
    """
    if column.categories:
        return _positions(column, tensor, rows)
    if isinstance(tensor.data, bytes) and tensor.datatype != BYTES:
        found = array(tensor.data, tensor.datatype, rows)
        if not _within(column, found):
            column.validator.validate_python(found.tolist())
        return found
    listed = column.validator.validate_python(values(tensor, rows))
    return _typed(listed, tensor.datatype)


def _positions(column: InputColumn, tensor: Tensor, rows: int) -> NDArray[Any]:
    if isinstance(tensor.data, bytes):
        positions = column.vocabulary.positions(tensor.data, rows)
        if positions is not None:
            return positions
    listed = column.validator.validate_python(values(tensor, rows))
    position = {category: place for place, category in enumerate(column.categories)}
    return np.array([position[value] for value in listed], dtype=np.intp)


def _within(column: InputColumn, found: NDArray[Any]) -> bool:
    """Whether all values are numbers within the field's bounds."""
    bounds = column.bounds
    if bounds is None:
        return False
    if found.dtype.kind == "b":
        return True
    low, high = found.min().item(), found.max().item()
    return bool(
        math.isfinite(low)
        and math.isfinite(high)
        and low >= bounds.get("minimum", -math.inf)
        and high <= bounds.get("maximum", math.inf)
        and low > bounds.get("exclusiveMinimum", -math.inf)
        and high < bounds.get("exclusiveMaximum", math.inf)
    )


def _typed(listed: list[Any], datatype: str) -> NDArray[Any]:
    """Returns listed values as the array that the same tensor would be in raw form."""
    if datatype == BYTES:
        return np.array(listed, dtype=object)
    dtype = np.dtype(DTYPES[datatype])
    if dtype.kind in "iu" and not all(type(value) is int for value in listed):
        raise TensorError(f"A value is not a whole number, as {datatype} asks for")
    try:
        return np.array(listed, dtype=dtype)
    except OverflowError:
        raise TensorError(f"A value does not fit into {datatype}") from None


def _located(name: str, error: pydantic.ValidationError) -> Iterator[Problem]:
    for details in error.errors(include_url=False, include_context=False, include_input=False):
        yield {**details, "loc": ("inputs", name, *details["loc"])}


def _problem(name: str, message: str, kind: str) -> Problem:
    return {"loc": ("inputs", name), "msg": message, "type": kind}
