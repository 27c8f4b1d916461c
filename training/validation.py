"""Checks a table against the fields of a type before anything is fitted, whole columns at a time.

What is allowed is read from the types that serving uses, so that training accepts exactly the
values that serving accepts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from framework.fields import FieldSpec
from training.csv_format import is_number
from training.data import Table
from training.errors import TrainingError

# Rows, and problems, named in a message; more would bury the rule they break.
SHOWN = 5
SHOWN_PROBLEMS = 20
MISSING = {"na", "n/a", "nan", "null", "none"}
"""Words for a missing number, beside an empty cell, where one may be missing."""

_TRUTH = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}

Columns = dict[str, NDArray[Any]]
Flags = NDArray[np.bool_]


def read(table: Table, fields: Sequence[FieldSpec]) -> Columns:
    """Returns the columns of a table under the fields' names and with their types.

    Numbers come as arrays of numbers, missing ones as NaN; texts and categories as arrays of
    objects, missing ones as None; a list of fixed length, whose values stand in the columns
    `<field>_0`, `<field>_1` …, as an array of shape `[N, length]`. An empty cell stands for the
    field's default, if it has one.

    Raises:
        TrainingError: Columns or values are missing or wrong; one message names all of them.
    """
    if table.frame.empty:
        raise TrainingError(f"{table.source}: the file holds no rows below its header.")
    _require_header(table, fields)
    problems: list[str] = []
    result: Columns = {}
    for field in fields:
        parts = []
        absent: list[str] = []
        for names in _spellings(field):
            present = [name for name in names if name in table.frame.columns]
            if len(present) != 1:
                absent.append(_absent(names, present, table))
                continue
            values, faults = _checked(table, present[0], table.frame[present[0]], field)
            parts.append(values)
            problems += faults
        # Where all of a list is absent, its first column tells it.
        problems += absent if parts else absent[:1]
        if field.length is None and parts:
            (result[field.name],) = parts
        elif len(parts) == field.length:
            result[field.name] = np.column_stack(parts)
            problems += _broken_lists(table, field, result[field.name])
    refuse(table, problems)
    return result


def require_values(
    table: Table, columns: dict[str, Any], fields: Sequence[FieldSpec], made_of: str
) -> None:
    """Checks columns that were computed from a table, as `read` checks a table's own.

    Args:
        table: The table, for the places of its rows.
        columns: The columns, each with one value, or one row of values, for each row.
        fields: What they should be.
        made_of: What they were computed from, for the message.

    Raises:
        TrainingError: Columns or values are missing or wrong.
    """
    problems: list[str] = []
    for field in fields:
        values = columns.get(field.name)
        if values is None or len(values) != len(table.frame):
            told = "no such column" if values is None else f"{len(values):,} values"
            problems.append(
                f"column {field.name}: should be computed from {made_of}, one value for each row, "
                f"but the model's `from_table` gives {told}."
            )
            continue
        place = f"{field.name} (of {made_of})"
        parts = [values] if field.length is None else list(np.asarray(values).T)
        for part in parts:
            problems += _checked(table, place, pd.Series(list(part), dtype=object), field)[1]
    refuse(table, problems)


def refuse(table: Table, problems: Sequence[str]) -> None:
    """Raises one `TrainingError` that lists the problems of a table, if there are any."""
    if not problems:
        return
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    shown = [f"  {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"  … and {len(problems) - SHOWN_PROBLEMS} more.")
    raise TrainingError(
        f"{table.source}: {count} in {len(table.frame):,} rows.\n" + "\n".join(shown)
    )


def described(table: Table, name: str, fault: str, cells: pd.Series, wrong: Flags) -> list[str]:
    """Returns a sentence on the cells of a column that are wrong, or none if none are."""
    positions = np.flatnonzero(wrong)
    if not len(positions):
        return []
    first = positions[:SHOWN].tolist()
    places = [
        str(place) if fault == "missing" else f"{place} ({_shown(cells.iloc[position])})"
        for place, position in zip(table.places(first), first, strict=True)
    ]
    total = len(positions)
    unit = table.unit if total == 1 else f"{table.unit}s"
    more = f" and {total - len(first):,} more" if total > len(first) else ""
    subject = "1 value is" if total == 1 else f"{total:,} values are"
    return [f"column {name}: {subject} {fault}: {unit} {', '.join(places)}{more}."]


def allowed(field: FieldSpec) -> str:
    """What a column may hold, in words."""
    if field.categories:
        return "one of " + ", ".join(map(str, field.categories))
    if field.kind == "bool":
        return "true or false"
    if field.kind == "text":
        low, high = field.lengths
        limits: dict[str, float | None] = {"ge": low, "le": high}
    else:
        limits = dict(field.bounds)
    noun = {"int": "a whole number", "float": "a number", "text": "a text"}[field.kind]
    unit = " characters" if field.kind == "text" else ""
    said = {name: f"{limit:,.10g}" for name, limit in limits.items() if limit is not None}
    if said.keys() == {"ge", "le"}:
        return f"{noun} from {said['ge']} to {said['le']}{unit}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    limited = " and ".join(f"{words[name]} {value}{unit}" for name, value in said.items())
    return f"{noun} {limited}".rstrip()


def _spellings(field: FieldSpec) -> Iterator[list[str]]:
    """Yields, for each column of a field, the names that a file may give it."""
    if field.length is None:
        yield list(field.names)
        return
    for index in range(field.length):
        yield [f"{name}_{index}" for name in field.names]


def _require_header(table: Table, fields: Sequence[FieldSpec]) -> None:
    """Tells a file without names of columns from one that lacks some."""
    present = [str(name) for name in table.frame.columns]
    expected = [names for field in fields for names in _spellings(field)]
    found = [names for names in expected if set(names) & set(present)]
    numbers = sum(map(is_number, present))
    if len(found) == len(expected) or (found and numbers * 2 < len(present)):
        return
    what = "first line" if table.unit == "line" else "schema"
    raise TrainingError(
        f"{table.source}: its {what} should hold the names of the columns "
        f"({_listed([names[0] for names in expected])}), but reads: {_listed(present)}; "
        "write these names on top."
    )


def _checked(
    table: Table, name: str, cells: pd.Series, field: FieldSpec
) -> tuple[NDArray[Any], list[str]]:
    """Returns the values of a column, and what is wrong with it."""
    missing = _missing(cells, field)
    values, wrong = _typed(cells, missing, field)
    problems = []
    if not field.nullable and field.default is None:
        problems = described(table, name, "missing", cells, missing)
    return values, problems + described(
        table, name, f"not {allowed(field)}", cells, wrong & ~missing
    )


def _missing(cells: pd.Series, field: FieldSpec) -> Flags:
    words = cells.astype(str).str.strip()
    missing = cells.isna() | (words == "")
    if field.nullable and field.kind != "text" and not field.categories:
        missing |= words.str.lower().isin(MISSING)
    return missing.to_numpy(dtype=bool)


def _typed(cells: pd.Series, missing: Flags, field: FieldSpec) -> tuple[NDArray[Any], Flags]:
    """Returns the cells with their type, and which of them break the field's rule."""
    if field.kind == "text" or (field.categories and type(field.categories[0]) is str):
        return _texts(cells, missing, field)
    if field.kind == "bool":
        numbers = cells.astype(str).str.strip().str.lower().map(_TRUTH).astype(float)
        wrong = numbers.isna()
    else:
        # Exact where `float` is exact: only what parses reaches the conversion.
        parses = pd.to_numeric(cells, errors="coerce").notna()
        numbers = cells.where(parses, "nan").astype(object).map(float)
        wrong = ~np.isfinite(numbers) | _outside(numbers, field)
        if field.kind == "int" or field.categories:
            wrong |= numbers % 1 != 0
        if field.categories:
            wrong |= ~numbers.isin(field.categories)
    return _numbers(numbers, missing, wrong, field), wrong.to_numpy(dtype=bool)


def _texts(cells: pd.Series, missing: Flags, field: FieldSpec) -> tuple[NDArray[Any], Flags]:
    texts = cells.astype(str)
    if field.categories:
        wrong = ~texts.isin(field.categories)
    else:
        shortest, longest = field.lengths
        length = texts.str.len()
        wrong = ~cells.map(lambda cell: isinstance(cell, str))
        wrong |= (length < (shortest or 0)) | (length > (longest or np.inf))
    values = texts.to_numpy(dtype=object, copy=True)
    values[missing] = field.default
    return values, wrong.to_numpy(dtype=bool)


def _numbers(
    numbers: pd.Series, missing: Flags, wrong: pd.Series, field: FieldSpec
) -> NDArray[Any]:
    empty = np.nan if field.default is None else float(field.default)
    values = numbers.where(~wrong, 0).to_numpy(dtype=np.float64, copy=True)
    values[missing] = empty
    if field.kind == "float" or np.isnan(values).any():
        return values
    return values.astype(bool if field.kind == "bool" else np.int64)


def _outside(values: pd.Series, field: FieldSpec) -> pd.Series:
    bounds = field.bounds
    return (
        (values < bounds.get("ge", -np.inf))
        | (values <= bounds.get("gt", -np.inf))
        | (values > bounds.get("le", np.inf))
        | (values >= bounds.get("lt", np.inf))
    )


def _broken_lists(table: Table, field: FieldSpec, values: NDArray[Any]) -> list[str]:
    """A list is missing as a whole or not at all."""
    if not field.nullable:
        return []
    missing = np.isnan(values.astype(np.float64))
    broken: Flags = np.logical_and(missing.any(axis=1), ~missing.all(axis=1))
    cells = pd.Series([f"{count} of {field.length}" for count in missing.sum(axis=1)])
    return described(table, field.name, "a list that is missing in part", cells, broken)


def _absent(names: Sequence[str], present: Sequence[str], table: Table) -> str:
    if present:
        return f"column {names[0]} occurs twice, as {' and '.join(present)}; keep one."
    also = f" (also accepted: {', '.join(names[1:])})" if len(names) > 1 else ""
    there = _listed([str(name) for name in table.frame.columns])
    return f"column {names[0]} is missing{also}; the file has: {there}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_PROBLEMS]) + (", …" if len(names) > SHOWN_PROBLEMS else "")


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 30 else text[:30] + "…")
