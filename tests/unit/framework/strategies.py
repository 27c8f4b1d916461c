"""Record types of all kinds of fields, and records of them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

# Making a record type takes pydantic a while.
patiently = settings(suppress_health_check=[HealthCheck.too_slow])

# Whole numbers stand in the matrix as 64-bit floats, exactly up to here.
EXACT = 2**53
_floats = st.floats(allow_nan=False)
_ints = st.integers(-EXACT, EXACT)

KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "float": (float, _floats),
    "share": (Annotated[float, Field(ge=0, le=1)], st.floats(0, 1)),
    "int": (int, _ints),
    "bool": (bool, st.booleans()),
    "texts": (Literal["b", "a", "ä"], st.sampled_from(["b", "a", "ä"])),
    "numbers": (Literal[7, 3], st.sampled_from([7, 3])),
    "text": (str, st.text()),
    "floats": (
        Annotated[list[float], Field(min_length=3, max_length=3)],
        st.lists(_floats, min_size=3, max_size=3),
    ),
    "ints": (
        Annotated[list[int], Field(min_length=2, max_length=2)],
        st.lists(_ints, min_size=2, max_size=2),
    ),
}
"""Kind of field → its type, and its values."""


@dataclass(frozen=True)
class Sample:
    """A record type and some records of it."""

    record_type: type[BaseModel]
    records: list[BaseModel]


@st.composite
def samples(draw: st.DrawFn, least: int = 0, without: str = "") -> Sample:
    """Some records, at least so many, of one type without fields of one kind."""
    kinds = st.sampled_from([kind for kind in KINDS if kind != without])
    drawn = draw(st.lists(st.tuples(kinds, st.booleans()), min_size=1, max_size=5))
    types: dict[str, Any] = {}
    values = {}
    for number, (kind, nullable) in enumerate(drawn):
        annotation, strategy = KINDS[kind]
        types[f"{kind}_{number}"] = (annotation | None if nullable else annotation, ...)
        values[f"{kind}_{number}"] = st.none() | strategy if nullable else strategy
    record_type = create_model("Drawn", __config__=ConfigDict(strict=True), **types)
    rows = draw(st.lists(st.fixed_dictionaries(values), min_size=least, max_size=6))
    return Sample(record_type, [record_type.model_validate(row) for row in rows])
