"""Whole columns are read here, without an object per row, and checked against each other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framework.open_inference.tensors import BYTES, Tensor, TensorError
from serving.errors import Problem, ServingError, problems_of
from serving.open_inference.column import RefusedError, read_column
from serving.open_inference.signature import Signature


def read_columns(signature: Signature, tensors: Sequence[Tensor], max_rows: int) -> dict[str, Any]:
    """Returns the columns of a request by field name, all of one length.

    Fields of texts of a `Literal` type come as the positions of their values; missing values are
    NaN among numbers and positions, `None` among other values. A field with a default that has no
    tensor has its default in every row.

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
    rows = _rows(signature, by_field, max_rows)
    columns: dict[str, Any] = {}
    complete = True
    for name, column in signature.inputs.items():
        if name not in by_field:
            columns[name] = [column.spec.default] * rows
            continue
        try:
            columns[name] = read_column(column, by_field[name], rows)
        except TensorError as error:
            problems.append(_problem(by_field[name].name, str(error), "tensor"))
        except RefusedError as refused:
            problems += _located(by_field[name].name, refused)
            complete = complete and refused.is_last
    if problems:
        raise ServingError.from_details(problems, complete=complete)
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
        elif tensor.base64 and tensor.datatype != BYTES:
            problems.append(_problem(tensor.name, "Only BYTES can be Base64", "datatype"))
        else:
            by_field[column.name] = tensor
    given = {column.name for _, column in named if column}
    problems += [
        _problem(name, "Field required", "missing")
        for name, column in signature.inputs.items()
        if name not in given and column.spec.required
    ]
    return by_field, problems


def _rows(signature: Signature, by_field: Mapping[str, Tensor], max_rows: int) -> int:
    """Returns the number of rows, of which all tensors must have as many."""
    problems = [
        _problem(tensor.name, f"The shape should be {_shapes(length)}", "shape")
        for name, tensor in by_field.items()
        for length in [signature.inputs[name].spec.length]
        if not _fits(tuple(tensor.shape), length)
    ]
    if problems or not by_field:
        raise ServingError.from_details(
            problems or [_problem("", "At least one input is needed", "missing")]
        )
    shapes = {tensor.name: tensor.shape for tensor in by_field.values()}
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


def _shapes(length: int | None) -> str:
    wanted = "[N] or [N, 1]" if length is None else f"[N, {length}]"
    return f"{wanted}, N being the number of rows"


def _fits(shape: tuple[int, ...], length: int | None) -> bool:
    if len(shape) not in (1, 2) or shape[0] < 1:
        return False
    return shape[1:] in ((), (1,)) if length is None else shape[1:] == (length,)


def _located(name: str, refused: RefusedError) -> Iterator[Problem]:
    for problem in problems_of(refused.error):
        row, *rest = problem["loc"]
        yield {**problem, "loc": ("inputs", name, refused.start + row, *rest)}


def _problem(name: str, message: str, kind: str) -> Problem:
    return {"loc": ("inputs", name), "msg": message, "type": kind}
