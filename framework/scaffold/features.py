"""What a column of a table is as a field of a record, and why.

The ranges are meant to be possible, not just seen: a model must answer about tomorrow's rows too.
`RANGES` states the rules in words; `_limits` applies them.
"""

import datetime as dt
import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from framework.scaffold.errors import ColumnError, ScaffoldError
from framework.scaffold.naming import identifier
from framework.scaffold.table import Column

RANGES = (
    "shares between 0 and 1 stay there",
    "what was never negative must not be",
    "whole numbers may reach ten times the largest one seen, rounded up to a power of ten",
    "what was negative has no limits",
)
"""The rules by which the limits of numbers are chosen."""

MAX_CATEGORIES = 50
MAX_NAME = 60
"""Longest name of a column or category, in characters, that is written into code."""

SENTENCE = 3
"""Words from which on, on average, values are texts to read."""

MISSING = {"na", "n/a", "nan", "null", "none"}
"""Words for a missing number, beside an empty cell, that training knows."""

_MOSTLY = 0.8
"""Share of values that parse from which on the others must be mistakes."""

_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_CODE = re.compile(r"0\d+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ].*)?"
    r"|\d{1,2}:\d{2}(:\d{2})?"
)
_DATES = "holds dates or times: turn it into numbers, such as a year or an age"
_COMMAS = "holds numbers with a decimal comma: write them with a point"
_ID = re.compile(r"(.*_)?(id|key|index|uuid|guid|nr|no|number|column_0|unnamed_0)")

Kind = Literal["bool", "int", "float", "category", "text"]


@dataclass(frozen=True)
class Feature:
    """A column as a field of the record.

    Attributes:
        column: Its name in the file.
        name: Its name in the record.
        kind: What one value is.
        why: Why that, in a few words.
        nullable: Whether a value may be missing.
        limits: Limits of a number or of a text's length, by pydantic's names.
        categories: The values allowed, if they are named one by one.
        values: What the column holds, as the record would; one value for each row.
    """

    column: str
    name: str
    kind: Kind
    why: str
    nullable: bool = False
    limits: dict[str, int] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    values: Sequence[Any] = field(default=(), repr=False)

    @property
    def shown(self) -> str:
        """Its type, for people."""
        noun = {"bool": "true or false", "int": "whole number", "float": "number"}.get(self.kind)
        if noun is None:
            noun = f"one of {len(self.categories)}" if self.categories else "text"
        low, high = self.limits.get("ge"), self.limits.get("le")
        if low is not None:
            noun += f", from {low}" if high is not None else f", at least {low}"
        if high is not None:
            noun += f" to {high:,}"
        return f"{noun}, or missing" if self.nullable else noun


def feature_of(column: Column, taken: Sequence[str] = ()) -> Feature:
    """Decides what a column is.

    Args:
        column: The column.
        taken: Names of the fields so far.

    Raises:
        ColumnError: It can be no feature; the message says why and what to do.
    """
    if len(column.name) > MAX_NAME:
        raise ScaffoldError(
            f"The name of the column {column.name[:20]!r}… has {len(column.name)} characters; "
            f"rename it to at most {MAX_NAME}."
        )
    if not column.present:
        raise _refusal(column, "is empty in every row")
    kind, values = parsed(column)
    if len(set(values)) == 1:
        raise _refusal(column, f"holds {_quoted(values[0])} in every row")
    missing = sum(value is None for value in values)
    name = identifier(column.name, taken)
    decide = {"int": _whole, "float": _decimal, "bool": _boolean}.get(kind, _words)
    limits, categories, why = decide(column, [value for value in values if value is not None])
    if kind == "text" and categories:
        kind = "category"
    if missing:
        why += f"; {missing:,} of {len(values):,} rows have none"
    return Feature(
        column=column.name,
        name=name,
        kind=kind,
        why=why,
        nullable=bool(missing),
        limits=limits,
        categories=categories,
        values=values,
    )


def parsed(column: Column) -> tuple[Kind, list[Any]]:
    """Returns what a column's values are, and the values as that; `None` for missing ones.

    Raises:
        ColumnError: They are dates, or nothing that a record can hold, or mixed.
    """
    present = column.present
    if all(isinstance(value, str) for value in present):
        return _parsed_texts(column)
    if any(isinstance(value, dt.date | dt.time | dt.timedelta) for value in present):
        raise _refusal(column, _DATES)
    if all(type(value) is bool for value in present):
        return "bool", list(column.values)
    if all(type(value) in (int, float) for value in present):
        if any(math.isinf(value) for value in present):
            raise _refusal(column, "holds infinite numbers: leave these values empty")
        return _numbers(list(column.values), whole=all(type(one) is int for one in present))
    raise _refusal(
        column, f"holds values of type {type(present[0]).__name__}: turn them into numbers"
    )


def _parsed_texts(column: Column) -> tuple[Kind, list[Any]]:
    texts = [text.strip() for text in column.present]
    words = {text for text in texts if text.lower() not in MISSING}
    if not words:
        return "text", list(column.values)
    if all(word.lower() in ("true", "false") for word in words):
        return "bool", _each(column, words, lambda text: text.lower() == "true")
    if any(map(_CODE.fullmatch, words)):
        # Leading zeros mark a code, such as a postcode.
        return "text", list(column.values)
    odd = [text for text in texts if text in words and not _NUMBER.fullmatch(text)]
    if not odd:
        whole = all(map(_WHOLE.fullmatch, words))
        return _numbers(_each(column, words, int if whole else float), whole=whole)
    if len(odd) <= (1 - _MOSTLY) * len(texts):
        raise _refusal(
            column,
            f"holds numbers, but in {len(odd):,} of {len(texts):,} rows something else "
            f"({_quoted(odd[0])}): leave these cells empty",
        )
    for pattern, why in ((_DATE, _DATES), (_DECIMAL_COMMA, _COMMAS)):
        if sum(bool(pattern.fullmatch(text)) for text in texts) >= _MOSTLY * len(texts):
            raise _refusal(column, why)
    return "text", list(column.values)


def _numbers(values: list[Any], *, whole: bool) -> tuple[Kind, list[Any]]:
    # pandas writes whole numbers with gaps as 1.0, 2.0.
    if whole or (None in values and all(value is None or value % 1 == 0 for value in values)):
        return "int", [None if value is None else int(value) for value in values]
    return "float", values


Decision = tuple[dict[str, int], tuple[str, ...], str]
"""Limits, categories and why."""


def _whole(column: Column, present: list[Any]) -> Decision:
    low, high = min(present), max(present)
    named_so = bool(_ID.fullmatch(identifier(column.name)))
    counted = high - low == len(present) - 1 and low in (0, 1)
    if len(set(present)) == len(column.values) and (named_so or counted):
        raise _refusal(column, "counts the rows, which tells nothing of a new one")
    return _limits(present, whole=True), (), f"{low:,} to {high:,} seen"


def _decimal(column: Column, present: list[Any]) -> Decision:
    return _limits(present, whole=False), (), f"{min(present):,.4g} to {max(present):,.4g} seen"


def _boolean(column: Column, present: list[Any]) -> Decision:
    return {}, (), f"true in {statistics.fmean(present):.0%} of the rows"


def _words(column: Column, present: list[Any]) -> Decision:
    different, rows = len(column.distinct), len(present)
    longest = max(map(len, column.distinct))
    if different <= MAX_CATEGORIES and 2 * different <= rows and longest <= MAX_NAME:
        return {}, tuple(sorted(column.distinct)), f"{different} different values"
    words = statistics.fmean(len(text.split()) for text in present)
    if words >= SENTENCE:
        limits = {"min_length": 1, "max_length": max(1_000, _power_of_ten(10 * longest))}
        return limits, (), f"{words:.0f} words on average"
    if different == rows:
        raise _refusal(
            column, "holds another value in each row, like an id, which tells nothing of a new one"
        )
    raise _refusal(
        column,
        f"holds {different:,} different values in {rows:,} rows, too many for categories (at most "
        f"{MAX_CATEGORIES}) and too short for texts: group them",
    )


def _limits(values: Sequence[Any], *, whole: bool) -> dict[str, int]:
    low, high = min(values), max(values)
    if low < 0:
        return {}
    if high <= 1 and low < high:
        return {"ge": 0, "le": 1}
    return {"ge": 0, "le": _power_of_ten(10 * high)} if whole else {"ge": 0}


def _power_of_ten(number: int) -> int:
    """Returns the smallest power of ten that is not below a positive number."""
    return int(10 ** len(str(number - 1)))


def _each(column: Column, words: set[str], convert: Callable[[str], Any]) -> list[Any]:
    """Returns the values of a column, converted where they are among some words, else missing."""
    stripped = (value.strip() if value is not None else "" for value in column.values)
    return [convert(value) if value in words else None for value in stripped]


def _refusal(column: Column, why: str) -> ColumnError:
    """Returns the refusal of a column; what can be done instead stands behind a colon in `why`."""
    way_out = ", or leave" if ": " in why else ": leave"
    sentence = f"The column {column.name!r} {why}{way_out} it out with --drop"
    return ColumnError(why, f"{sentence} {_argument(column.name)}.")


def _argument(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"'{name}'"


def _quoted(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 30 else text[:30] + "…")
