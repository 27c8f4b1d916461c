"""From the types of a model to the messages of its contract."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from framework.fields import FieldError, FieldSpec, column_spec
from framework.model import MAX_ROWS, Model

VALUE = "google.protobuf.Value"
"""Type of a field that may hold numbers and texts alike."""

_INT32 = range(-(2**31), 2**31)
_SCALARS = {int, float, str, bool}


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        name: Its name.
        type: Its type, as a `.proto` file spells it.
        label: `optional`, `repeated` or nothing.
        number: Its number; 0 where the numbers are still to be given.
        comment: For people.
    """

    name: str
    type: str
    label: str = ""
    number: int = 0
    comment: str = ""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        name: Its name.
        fields: Its fields, in their order.
        comment: For people.
        gone: Numbers of fields that it had.
        gone_names: Their names.
    """

    name: str
    fields: tuple[Field, ...]
    comment: str = ""
    gone: tuple[int, ...] = ()
    gone_names: tuple[str, ...] = ()


def service_name(model: Model[Any, Any]) -> str:
    """Returns the name of a model's gRPC service, without its package."""
    return f"{model.name.title().replace('_', '')}Service"


def calls(model: Model[Any, Any]) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Yields the methods of a model's service, what each calls its answers, and their type."""
    yield "Predict", "predictions", model.answer
    if model.explanation:
        yield "Explain", "explanations", model.explanation


def messages_of(model: Model[Any, Any]) -> list[Message]:
    """Returns the messages of a model's contract, whose fields have no numbers yet.

    Raises:
        FieldError: A type has no form in protobuf, or two of them have one name.
    """
    request = model.request
    rows = Field(model.rows, model.record.__name__, "repeated", 1)
    comment = f"{summary(request)} From 1 to {MAX_ROWS:,}."
    found = [Message(request.__name__, (rows,), comment), *_of_type(model.record, asked=True)]
    for method, plural, answer in calls(model):
        answers = Field(plural, answer.__name__, "repeated", 1)
        comment = f"One for each of the {model.rows.replace('_', ' ')}, in order."
        found += [Message(f"{method}Response", (answers,), comment), *_of_type(answer)]
    unique = list(dict.fromkeys(found))
    names = [message.name for message in unique]
    if twice := [name for name in names if names.count(name) > 1]:
        raise FieldError(f"{model.name}: two types would be a message {twice[0]}; rename one.")
    return unique


def summary(kind: type[BaseModel]) -> str:
    """Returns the first paragraph of a type's own docstring, or nothing."""
    return inspect.cleandoc(vars(kind).get("__doc__") or "").partition("\n\n")[0]


def _of_type(kind: type[BaseModel], *, asked: bool = False) -> Iterator[Message]:
    """Yields the message of a type, and those of the types within it.

    Args:
        kind: The type.
        asked: Whether clients send it: then the server must tell a missing value from a zero.
    """
    fields = []
    for name, info in kind.model_fields.items():
        field = _field(f"{kind.__name__}.{name}", name, _annotation(info))
        if asked and not field.label:
            field = replace(field, label="optional")
        fields.append(replace(field, comment=_comment(info)))
    yield Message(kind.__name__, tuple(fields), summary(kind))
    for info in kind.model_fields.values():
        for inner in _types_within(info.annotation):
            yield from _of_type(inner)


def _field(place: str, name: str, annotation: Any) -> Field:
    bare, nullable = _bare(annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    label = "optional" if nullable else ""
    if _is_model(bare):
        return Field(name, bare.__name__, label)
    if origin is list and arguments:
        return Field(name, _field(place, name, arguments[0]).type, "repeated")
    if origin is dict and arguments[0] is str:
        return Field(name, f"map<string, {_field(place, name, arguments[1]).type}>")
    if origin in (Union, UnionType) and set(arguments) <= _SCALARS:
        return Field(name, "double" if set(arguments) == {int, float} else VALUE, label)
    return Field(name, _scalar(column_spec(place, annotation)), label)


def _scalar(spec: FieldSpec) -> str:
    if spec.kind == "category":
        if type(spec.categories[0]) is str:
            return "string"
        return "int32" if all(value in _INT32 for value in spec.categories) else "int64"
    if spec.kind == "int":
        limits = (spec.low, spec.high)
        return "int32" if all(one is not None and one in _INT32 for one in limits) else "int64"
    return {"float": "double", "bool": "bool", "text": "string"}[spec.kind]


def _comment(info: FieldInfo) -> str:
    """Returns what a field is, and what it may be where the description does not say so."""
    said = info.description or ""
    try:
        rule = _rule(column_spec("", _annotation(info)))
    except FieldError:
        # A message, a mapping, or a list as long as it likes: no rule of its own.
        rule = ""
    if not rule or rule.lower() in said.lower():
        return said
    return f"{said.rstrip('.')}. {rule}." if said else f"{rule}."


def _rule(spec: FieldSpec) -> str:
    parts = []
    if spec.length:
        parts.append(f"{spec.length} values")
    if spec.categories:
        *others, last = map(str, spec.categories)
        parts.append(f"One of {', '.join(others)} or {last}" if others else f"Always {last}")
    limits = {
        "ge": "at least {}" if spec.high is None or "lt" in spec.bounds else "from {}",
        "gt": "above {}",
        "le": "at most {}" if spec.low is None or "gt" in spec.bounds else "to {}",
        "lt": "below {}",
    }
    bounds = [
        words.format(_shown(spec.bounds[key]))
        for key, words in limits.items()
        if key in spec.bounds
    ]
    joint = " " if bounds and bounds[0].startswith("from") else ", "
    parts += [joint.join(bounds)] * bool(bounds)
    shortest, longest = spec.lengths
    if spec.kind == "text" and longest:
        parts.append(f"{shortest or 0:,} to {longest:,} characters")
    if spec.nullable:
        parts.append("may be missing")
    rule = "; ".join(parts)
    return rule[:1].upper() + rule[1:]


def _shown(limit: float) -> str:
    # Python may take `Ge(0)` for an equal `Ge(0.0)` that it has met before.
    return f"{int(limit):,}" if limit == limit // 1 else f"{limit:,}"


def _annotation(info: FieldInfo) -> Any:
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Returns a type without `Annotated` and `| None`, and whether it had the latter."""
    nullable = False
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation = arguments[0]
        elif origin in (Union, UnionType) and NoneType in arguments:
            left = tuple(one for one in arguments if one is not NoneType)
            annotation, nullable = Union[left], True  # noqa: UP007 - of a tuple
        else:
            return annotation, nullable


def _types_within(annotation: Any) -> Iterator[type[BaseModel]]:
    if _is_model(annotation):
        yield annotation
    for one in get_args(annotation):
        yield from _types_within(one)


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)
