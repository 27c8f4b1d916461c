"""Checks a table against a schema before anything is fitted, whole columns at a time.

What is allowed is read from the pydantic fields of the served model, so that training accepts
exactly the values that serving accepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args, get_origin

import annotated_types
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from training.data import Table
from training.errors import TrainingError

# Rows named in a message; more would bury the rule they break.
SHOWN = 5
# Enough for every class to be present in each part of a three-way split.
MIN_ROWS_PER_CLASS = 10


@dataclass(frozen=True)
class Column:
    """What one column may be called and hold.

    Attributes:
        name: Its name in our code.
        spellings: Every name a file may give it.
        kind: `float`, `int`, `str` or `Literal`.
        low: Smallest number or shortest text allowed.
        high: Largest number or longest text allowed.
        categories: The values allowed, if they are named one by one.
        optional: Whether cells may be empty; they are read as empty text.
    """

    name: str
    spellings: tuple[str, ...]
    kind: Any
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    optional: bool = False

    @classmethod
    def of_field(cls, name: str, field: FieldInfo) -> Self:
        """Returns the column that holds the values of a pydantic field."""
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        category = get_origin(field.annotation) is Literal
        low = high = None
        for rule in field.metadata:
            if isinstance(rule, annotated_types.Ge):
                low = float(str(rule.ge))
            elif isinstance(rule, annotated_types.Le):
                high = float(str(rule.le))
            elif isinstance(rule, annotated_types.MinLen):
                low = rule.min_length
            elif isinstance(rule, annotated_types.MaxLen):
                high = rule.max_length
        return cls(
            name=name,
            spellings=tuple(dict.fromkeys([name, *(str(choice) for choice in choices)])),
            kind=Literal if category else field.annotation,
            low=low,
            high=high,
            categories=get_args(field.annotation) if category else (),
        )

    @classmethod
    def of_model(cls, model: type[BaseModel]) -> list[Self]:
        """Returns one column per field of a pydantic model."""
        return [cls.of_field(name, field) for name, field in model.model_fields.items()]

    @property
    def allowed(self) -> str:
        """What the column may hold, in words."""
        if self.categories:
            return "one of " + ", ".join(self.categories)
        noun = {int: "a whole number", float: "a number", str: "a text"}[self.kind]
        unit = " characters" if self.kind is str else ""
        if self.low is not None and self.high is not None:
            return f"{noun} from {self.low:g} to {self.high:,.10g}{unit}"
        if self.low is not None:
            return f"{noun} of at least {self.low:g}{unit}"
        return noun if self.high is None else f"{noun} of at most {self.high:,.10g}{unit}"


def read(table: Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Returns the columns under our own names and with their types, one row per row of the file.

    Raises:
        TrainingError: Columns or values are missing or wrong; one message names all of them.
    """
    if table.frame.empty:
        raise TrainingError(f"{table.source}: the file holds no rows below its header.")
    problems: list[str] = []
    result: dict[str, Any] = {}
    for column in columns:
        found = [name for name in column.spellings if name in table.frame.columns]
        if len(found) != 1:
            problems.append(_absent(column, found, table))
            continue
        cells = table.frame[found[0]]
        missing = (cells.isna() | (cells.astype(str).str.strip() == "")).to_numpy(dtype=bool)
        values, wrong = _typed(cells, missing, column)
        if not column.optional:
            problems += _described(table, found[0], "missing", cells, missing)
        problems += _described(table, found[0], f"not {column.allowed}", cells, wrong & ~missing)
        result[column.name] = values
    refuse(table, problems)
    return pd.DataFrame({name: _final(values) for name, values in result.items()})


def refuse(table: Table, problems: Sequence[str]) -> None:
    """Raises one `TrainingError` that lists all problems of a table, if there are any."""
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise TrainingError(
            f"{table.source}: {count} in {len(table.frame):,} rows.\n"
            + "\n".join(f"  {problem}" for problem in problems)
        )


def require_length(table: Table, name: str, texts: pd.Series, field: FieldInfo) -> None:
    """Checks texts composed of several columns against the field that will carry them."""
    column = Column.of_field(name, field)
    wrong = (texts.str.len() > (column.high or np.inf)).to_numpy(dtype=bool)
    refuse(table, _described(table, name, f"not {column.allowed}", texts, wrong))


def require_classes(source: str, target: str, labels: pd.Series, *, minimum: int) -> None:
    """Checks that there are at least two classes, and enough rows of each to split.

    Raises:
        TrainingError: One class only, or too few distinct rows of a class.
    """
    counts = labels.value_counts()
    if len(counts) < 2:
        raise TrainingError(
            f"{source}: column {target} holds one class only ({counts.index[0]!r} in all "
            f"{len(labels):,} rows); a classifier needs at least two."
        )
    if rare := {name: count for name, count in counts.items() if count < minimum}:
        listed = ", ".join(f"{name!r} has {count}" for name, count in rare.items())
        raise TrainingError(
            f"{source}: column {target} has too few distinct rows of a class to split: {listed}; "
            f"at least {minimum} are needed."
        )


def _absent(column: Column, found: list[str], table: Table) -> str:
    if found:
        return f"column {column.name} occurs twice, as {' and '.join(found)}; keep one."
    others = column.spellings[1:]
    also = f" (also accepted: {', '.join(others)})" if others else ""
    present = ", ".join(str(name) for name in table.frame.columns[:20])
    return f"column {column.name} is missing{also}; the file has: {present}."


def _typed(
    cells: pd.Series, missing: NDArray[np.bool_], column: Column
) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Returns the cells with their type, and which of them break the column's rule."""
    if column.categories:
        return cells, (~cells.isin(column.categories)).to_numpy(dtype=bool)
    if column.kind is str:
        texts = cells.where(~missing, "")
        is_text = texts.map(lambda text: isinstance(text, str)).to_numpy(dtype=bool)
        length = texts.astype(str).str.len()
        return texts, ~is_text | _outside(length, column)
    # Exact where `float` is exact: only what parses reaches the conversion.
    parses = pd.to_numeric(cells, errors="coerce").notna()
    numbers = cells.where(parses, "nan").astype(object).map(float)
    wrong = ~np.isfinite(numbers.to_numpy(dtype=float)) | _outside(numbers, column)
    if column.kind is int:
        wrong |= (numbers % 1 != 0).to_numpy(dtype=bool)
        numbers = numbers.where(~wrong, 0).astype("int64")
    return numbers, wrong


def _final(values: pd.Series) -> pd.Series:
    numeric = pd.api.types.is_numeric_dtype(values)
    return values if numeric else values.astype(str).astype(object)


def _outside(values: pd.Series, column: Column) -> NDArray[np.bool_]:
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    return ((values < low) | (values > high)).to_numpy(dtype=bool)


def _described(
    table: Table, name: str, fault: str, cells: pd.Series, wrong: NDArray[np.bool_]
) -> list[str]:
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


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 30 else text[:30] + "…")
