"""What a pydantic type says of its fields, in the terms that all of the framework works in.

The record type is the contract: the encoder, the gRPC messages, the tensors, the columns of a
training file and the statistics of its rows are all derived from what is read here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import (
    AfterValidator,
    AliasChoices,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    PlainValidator,
    Strict,
    WrapValidator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Kind = Literal["float", "int", "bool", "category", "text"]
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Name of a bound in pydantic → its keyword in JSON Schema."""

_KINDS: dict[Any, Kind] = {float: "float", int: "int", bool: "bool", str: "text"}
_ALLOWED = (
    "float, int, bool, str, a Literal of texts or of whole numbers, a list of numbers with "
    "min_length equal to max_length, or one of these `| None`"
)


Keeping = Literal["keep", "hash", "omit"]


@dataclass(frozen=True)
class Recorded:
    """How the server's record keeps a field, where that is not as it came.

    `badge: Annotated[str, Recorded("hash")]`: equal values can be told to be equal, and nothing
    else; `Recorded("omit")`: not at all.

    Attributes:
        how: `keep`, `hash` or `omit`.
    """

    how: Keeping


class FieldError(TypeError):
    """A field of a record or answer that the framework has no form for; says what it takes."""


@dataclass(frozen=True)
class FieldSpec:
    """One field of a record or of an answer.

    Attributes:
        name: Its name.
        names: The name and its aliases, every one a client or a file may use.
        kind: What one value is.
        annotation: Its type with all rules, as pydantic reads it.
        nullable: Whether `None`, a missing value, is allowed.
        required: Whether it must be given; if not, `default` stands for it.
        default: What stands for a field that is not given.
        categories: The values of a `Literal`, whose positions are their codes.
        length: Number of values of a list of fixed length; `None` for a single value.
        bounds: Limits of a number, by pydantic's names: `ge`, `gt`, `le`, `lt`.
        lengths: Shortest and longest text allowed; `None` for no limit.
        plain: Whether bounds and lengths are all its rules.
        description: For people.
        recorded: How the server's record keeps it.
    """

    name: str
    names: tuple[str, ...]
    kind: Kind
    annotation: Any
    nullable: bool = False
    required: bool = True
    default: Any = None
    categories: tuple[Any, ...] = ()
    length: int | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    lengths: tuple[int | None, int | None] = (None, None)
    plain: bool = True
    description: str = ""
    recorded: Keeping = "keep"

    @property
    def width(self) -> int:
        """Columns that it takes in an encoded matrix."""
        return 0 if self.kind == "text" else self.length or 1

    @property
    def columns(self) -> list[str]:
        """Names of these columns."""
        if self.kind == "text":
            return []
        if self.length is None:
            return [self.name]
        return [f"{self.name}_{index}" for index in range(self.length)]

    @property
    def low(self) -> float | None:
        """Smallest number allowed, or the limit that it must exceed."""
        return self.bounds.get("ge", self.bounds.get("gt"))

    @property
    def high(self) -> float | None:
        """Largest number allowed, or the limit that it must stay below."""
        return self.bounds.get("le", self.bounds.get("lt"))


@cache
def fields_of(record_type: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """Returns the fields of a record type, in their order.

    Raises:
        FieldError: A field's type has no encoding, or its aliases leave out its name; the message
            names it and what is allowed.
    """
    config = record_type.model_config
    by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
    found = []
    for name, info in record_type.model_fields.items():
        place = f"{record_type.__name__}.{name}"
        if not by_name and name not in _choices(name, info):
            raise FieldError(
                f"{place} does not answer to its own name, which every protocol uses: give it "
                f"validation_alias=AliasChoices({name!r}, …)."
            )
        found.append(_spec(place, name, info))
    return tuple(found)


@cache
def has_own_rules(record_type: type[BaseModel]) -> bool:
    """Whether only pydantic can judge the type: it has validators, or changes what it is given."""
    decorators = record_type.__pydantic_decorators__
    config = record_type.model_config
    changing = ("str_strip_whitespace", "str_to_lower", "str_to_upper", "coerce_numbers_to_str")
    return bool(
        decorators.model_validators
        or decorators.field_validators
        or decorators.root_validators
        or decorators.validators
        or "__get_pydantic_core_schema__" in vars(record_type)
        or record_type.__pydantic_post_init__
        or config.get("extra") == "allow"
        or config.get("alias_generator")
        or any(config.get(option) for option in changing)
        or any(info.default_factory for info in record_type.model_fields.values())
        or any(
            _functions(info.annotation, info.metadata) for info in record_type.model_fields.values()
        )
    )


def column_spec(name: str, annotation: Any) -> FieldSpec:
    """Returns the specification of one column of a type that stands in no record: a target."""
    return _spec(name, name, FieldInfo.from_annotation(annotation))


def _spec(place: str, name: str, info: FieldInfo) -> FieldSpec:
    annotation, rules, nullable = _unwrapped(info.annotation, list(info.metadata))
    recorded = next((rule for rule in rules if isinstance(rule, Recorded)), Recorded("keep")).how
    length: int | None = None
    if get_origin(annotation) is list:
        annotation, length, rules = _element(place, annotation, rules)
    kind, categories = _kind(place, annotation)
    if length is not None and kind in ("text", "category"):
        raise FieldError(f"{place}: a list may hold numbers only; a field may be {_ALLOWED}.")
    whole: Any = info.annotation
    return FieldSpec(
        name=name,
        names=_names(name, info),
        kind=kind,
        annotation=Annotated[(whole, *info.metadata)] if info.metadata else whole,
        nullable=nullable,
        required=info.is_required(),
        default=None if info.default is PydanticUndefined else info.default,
        categories=categories,
        length=length,
        bounds=_bounds(rules),
        lengths=_lengths(rules),
        plain=all(_known(rule) for rule in rules),
        description=info.description or "",
        recorded=recorded,
    )


def _unwrapped(annotation: Any, rules: list[Any]) -> tuple[Any, list[Any], bool]:
    """Takes `Annotated` and `| None` off a type; returns it, its rules, whether it had `None`."""
    nullable = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            # Of two rules alike, the outer one is applied last, and holds.
            rules = [rule for one in more for rule in _flat(one)] + rules
        elif origin in (Union, UnionType) and NoneType in get_args(annotation):
            left = tuple(one for one in get_args(annotation) if one is not NoneType)
            annotation, nullable = Union[left], True  # noqa: UP007 - of a tuple
        else:
            return annotation, rules, nullable


def _flat(rule: Any) -> list[Any]:
    return list(rule.metadata) if isinstance(rule, FieldInfo) else [rule]


def _element(place: str, annotation: Any, rules: list[Any]) -> tuple[Any, int, list[Any]]:
    """Returns the type of a list's values, their fixed number, and the rules of each."""
    shortest, longest = _lengths(rules)
    if not longest or shortest != longest:
        raise FieldError(
            f"{place}: a list must have a fixed length: give it Field(min_length=N, max_length=N)."
        )
    (element,) = get_args(annotation)
    inner, inner_rules, nullable = _unwrapped(element, [])
    if nullable:
        raise FieldError(f"{place}: the values of a list must not be missing one by one.")
    return inner, longest, inner_rules


def _kind(place: str, annotation: Any) -> tuple[Kind, tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
        if not all(type(value) is str for value in values) and not all(
            type(value) is int for value in values
        ):
            raise FieldError(f"{place}: a Literal must be of texts, or of whole numbers.")
        return "category", values
    if get_origin(annotation) in (Union, UnionType) and set(get_args(annotation)) == {int, float}:
        return "float", ()
    try:
        return _KINDS[annotation], ()
    except (KeyError, TypeError):
        shown = getattr(annotation, "__name__", annotation)
        raise FieldError(f"{place} is of type {shown}; a field may be {_ALLOWED}.") from None


def _choices(name: str, info: FieldInfo) -> list[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
    return [choice for choice in choices if type(choice) is str]


def _names(name: str, info: FieldInfo) -> tuple[str, ...]:
    return tuple(dict.fromkeys([name, *_choices(name, info)]))


def _bounds(rules: list[Any]) -> dict[str, float]:
    return {
        key: getattr(rule, key)
        for rule in _grouped(rules)
        for key, kind in _BOUND_TYPES.items()
        if isinstance(rule, kind)
    }


def _lengths(rules: list[Any]) -> tuple[int | None, int | None]:
    shortest = longest = None
    for rule in _grouped(rules):
        if isinstance(rule, annotated_types.MinLen):
            shortest = rule.min_length
        elif isinstance(rule, annotated_types.MaxLen):
            longest = rule.max_length
    return shortest, longest


def _grouped(rules: list[Any]) -> Iterator[Any]:
    for rule in rules:
        if isinstance(rule, annotated_types.GroupedMetadata):
            yield from rule
        else:
            yield rule


def _known(rule: Any) -> bool:
    """Whether a rule is one of those that a specification tells in full."""
    if isinstance(rule, (*_BOUND_TYPES.values(), annotated_types.MinLen, annotated_types.MaxLen)):
        return True
    if isinstance(rule, annotated_types.GroupedMetadata):
        return all(_known(one) for one in rule)
    return isinstance(rule, (Strict, AllowInfNan, Recorded))


def _functions(annotation: Any, rules: list[Any]) -> bool:
    """Whether functions of the author's check or change a value, or one in a list."""
    annotation, rules, _ = _unwrapped(annotation, list(rules))
    if any(isinstance(rule, _VALIDATORS) for rule in rules):
        return True
    return get_origin(annotation) is list and _functions(get_args(annotation)[0], [])


_BOUND_TYPES: dict[str, Any] = {
    "ge": annotated_types.Ge,
    "gt": annotated_types.Gt,
    "le": annotated_types.Le,
    "lt": annotated_types.Lt,
}
_VALIDATORS = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)
