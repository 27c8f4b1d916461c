"""The msgspec types of fields: they accept nothing that pydantic refuses."""

import sys
from typing import Annotated, Any, Literal

from msgspec import Meta

from framework.fields import FieldSpec

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_TYPES: dict[str, Any] = {"float": float, "int": int, "bool": bool, "text": str}


def field_type(spec: FieldSpec) -> Any:
    """Returns the type that msgspec holds a field's values to."""
    of: Any = Literal[spec.categories]
    if not spec.categories:
        of = limited(_TYPES[spec.kind], _limits(spec))
    if spec.length is not None:
        of = Annotated[list[of], Meta(min_length=spec.length, max_length=spec.length)]
    return of | None if spec.nullable else of


def _limits(spec: FieldSpec) -> dict[str, Any]:
    limits: dict[str, Any] = dict(spec.bounds)
    if spec.kind == "text":
        shortest, longest = spec.lengths
        limits |= {"min_length": shortest, "max_length": longest}
    elif spec.kind == "int":
        # Whole numbers, if perhaps as floats: pydantic takes no others.
        limits = {name: int(limit) for name, limit in limits.items()}
        # Larger ones may be beyond what the matrix can hold.
        if "gt" not in limits:
            limits["ge"] = max(limits.get("ge", _INT64_MIN), _INT64_MIN)
        if "lt" not in limits:
            limits["le"] = min(limits.get("le", _INT64_MAX), _INT64_MAX)
    elif spec.kind == "float":
        # Not-a-number is within no limits; infinity is within all but these.
        if "gt" not in limits:
            limits["ge"] = max(limits.get("ge", -sys.float_info.max), -sys.float_info.max)
        if "lt" not in limits:
            limits["le"] = min(limits.get("le", sys.float_info.max), sys.float_info.max)
    return {name: limit for name, limit in limits.items() if limit is not None}


def limited(of: Any, limits: dict[str, Any]) -> Any:
    """Returns a type with limits, by msgspec's names."""
    return Annotated[of, Meta(**limits)] if limits else of
