"""A record type with fields of every kind, values of it right and wrong, and rows as tensors."""

import math
from typing import Annotated, Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from framework.open_inference.tensors import BYTES, DTYPES, Tensor, encode
from serving.open_inference.signature import InputColumn, Signature

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Reading(BaseModel):
    """One row."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    share: Share
    score: Share
    count: int = Field(ge=0, le=50)
    total: int = Field(ge=0, le=744, validation_alias=AliasChoices("total", "Total"))
    flag: int = Field(ge=0, le=1)
    is_new: bool
    place: Literal["IT", "RandD", "hr", "sales"] = Field(
        validation_alias=AliasChoices("place", "sales")
    )
    grade: Literal["low", "medium", "high"]
    step: Literal[1, 2, 5]
    sizes: list[Share] = Field(min_length=2, max_length=2)
    text: str = Field(min_length=1, max_length=5, pattern=r"\S")
    free: float | None
    some: int | None = Field(ge=0, le=9)
    known: bool | None
    sort: Literal["a", "bc"] | None
    code: Literal[3, 4] | None
    steps: list[int] | None = Field(min_length=2, max_length=2)
    weights: list[float] | None = Field(min_length=2, max_length=2)
    note: str | None = Field(max_length=3)


class Answer(BaseModel):
    """An answer."""

    value: float
    labelled: dict[str, float]


SIGNATURE = Signature.of(Reading, Answer, {"labelled": ["a", "b"]})

VALID: dict[str, Any] = {
    "share": 0.5,
    "score": 0.5,
    "count": 3,
    "total": 160,
    "flag": 0,
    "is_new": True,
    "place": "sales",
    "grade": "low",
    "step": 2,
    "sizes": [0.25, 1.0],
    "text": "fine",
    "free": None,
    "some": 7,
    "known": False,
    "sort": "bc",
    "code": 4,
    "steps": [1, -2],
    "weights": None,
    "note": None,
}

_shares = st.one_of(
    st.floats(0, 1), st.sampled_from([-0.001, 1.001, math.nan, math.inf, -math.inf, 1e300])
)
_finite = st.floats(allow_nan=False, allow_infinity=False)
_whole = st.one_of(st.integers(-2, 11), st.sampled_from([2**62, -(2**63)]))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "share": _shares,
    "score": _shares,
    "count": st.integers(-1, 52),
    "total": st.one_of(st.integers(-2, 746), st.sampled_from([2**62, -(2**63)])),
    "flag": st.integers(-1, 2),
    "is_new": st.booleans(),
    "place": st.sampled_from(["IT", "sales", "RandD", "hr", "catering", "", "Sales", "büro"]),
    "grade": st.sampled_from(["low", "medium", "high", "highest", "\x00\x00\x00low"]),
    "step": st.integers(0, 6),
    "sizes": st.lists(_shares, min_size=2, max_size=2),
    "text": st.sampled_from(["fine", " \n", "日本語", "", "x" * 6, "\x00"]),
    "free": st.one_of(st.none(), _finite),
    "some": st.one_of(st.none(), _whole),
    "known": st.one_of(st.none(), st.booleans()),
    "sort": st.one_of(st.none(), st.sampled_from(["a", "bc", "c", " a"])),
    "code": st.one_of(st.none(), st.integers(2, 5)),
    "steps": st.one_of(st.none(), st.lists(_whole, min_size=2, max_size=2)),
    "weights": st.one_of(st.none(), st.lists(_finite, min_size=2, max_size=2)),
    "note": st.one_of(st.none(), st.sampled_from(["x", "日本語", "long", " "])),
}
"""Values that a tensor can hold; what stands for a missing one there is none of them."""


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of the right types, some of whose values are wrong."""
    suspect = draw(st.sets(st.sampled_from(sorted(VALUES)), max_size=4))
    drawn = {name: draw(st.lists(VALUES[name], min_size=1, max_size=5)) for name in suspect}
    size = draw(st.integers(1, 5))
    return [
        {
            name: drawn[name][row % len(drawn[name])] if name in suspect else value
            for name, value in VALID.items()
        }
        for row in range(size)
    ]


def tensors(rows: list[dict[str, Any]], *, raw: bool, nested: bool) -> list[Tensor]:
    """The same rows as one tensor for each field."""
    return [
        _tensor(column, [row[name] for row in rows], raw=raw, nested=nested)
        for name, column in SIGNATURE.inputs.items()
    ]


def _tensor(column: InputColumn, listed: list[Any], *, raw: bool, nested: bool) -> Tensor:
    length, datatype = column.spec.length, column.datatype
    missing: Any = None
    if raw:
        missing = "" if datatype == BYTES else math.nan
    if length is not None:
        shape = [len(listed), length]
        lists = [[missing] * length if one is None else one for one in listed]
        data: Any = lists if nested else [value for one in lists for value in one]
    else:
        shape = [len(listed), 1] if nested else [len(listed)]
        values = [missing if one is None else one for one in listed]
        data = [[value] for value in values] if nested else values
    if raw:
        data = encode(as_array(data, datatype), datatype)
    return Tensor(column.name, datatype, shape, data)


def as_array(listed: list[Any], datatype: str) -> NDArray[Any]:
    """A column as an array."""
    return np.array(listed, dtype=object if datatype == BYTES else DTYPES[datatype])


def replaced(name: str, /, **changes: Any) -> list[Tensor]:
    """Two valid rows, with one tensor changed."""
    return [
        Tensor(**{**vars(one), **changes}) if one.name == name else one
        for one in tensors([VALID, VALID], raw=False, nested=False)
    ]
