"""What a model takes and gives as tensors, derived from its record and prediction types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo

from serving.open_inference.tensors import BYTES, Vocabulary

_INTEGERS = tuple(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_FLOATS = ("FP16", "FP32", "FP64")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# What a JSON schema says of a number that is no rule, besides its bounds.
_REMARKS = ("default", "description", "examples", "title", "type")
# Rules that a record type may set for all its fields.
_RULES = ("allow_inf_nan", "str_max_length", "str_min_length", "str_strip_whitespace", "strict")
# JSON type of a field → the datatype to offer, and those to accept for it.
_DATATYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "integer": ("INT64", _INTEGERS),
    "number": ("FP64", (*_FLOATS, *_INTEGERS)),
    "boolean": ("BOOL", ("BOOL",)),
    "string": (BYTES, (BYTES,)),
}


@dataclass(frozen=True)
class InputColumn:
    """One field of a record as a tensor, one element for each record."""

    name: str
    names: tuple[str, ...]
    """The name and its aliases."""

    datatype: str
    accepted: tuple[str, ...]
    """Datatypes that can hold the field's values."""

    bounds: Mapping[str, float] | None
    """Limits of a number, by their JSON Schema keyword (`minimum`, `exclusiveMaximum`, …); None if
    the field has other rules beside them."""

    categories: tuple[str, ...]
    """The values of a `Literal` field, in its order; empty for others."""

    vocabulary: Vocabulary
    validator: TypeAdapter[list[Any]]
    """Judges a whole list of the field's values as the record type judges each."""


@dataclass(frozen=True)
class OutputColumn:
    """One field of a prediction as a tensor."""

    name: str
    datatype: str
    shape: list[int]
    """With -1 for the number of records."""

    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Signature:
    """The tensors of one model."""

    inputs: dict[str, InputColumn]
    outputs: dict[str, OutputColumn]

    @classmethod
    def of(
        cls,
        record_type: type[BaseModel],
        prediction_type: type[BaseModel],
        labels: Mapping[str, Sequence[str]],
    ) -> "Signature":
        """Derives the tensors from the types.

        Args:
            record_type: Its fields become inputs.
            prediction_type: Its fields become outputs.
            labels: Field of a prediction that is a mapping → its keys, in order.

        Raises:
            TypeError: A field has no tensor that could hold it, or the record type has rules of
                its own, which look at more than one value at a time.
        """
        decorators = record_type.__pydantic_decorators__
        if decorators.model_validators or decorators.field_validators:
            raise TypeError(f"{record_type.__name__} has validators, which columns would bypass.")
        records, predictions = (
            one.model_json_schema(by_alias=False)["properties"]
            for one in (record_type, prediction_type)
        )
        return cls(
            {name: _input(record_type, name, schema) for name, schema in records.items()},
            {name: _output(name, schema, labels) for name, schema in predictions.items()},
        )

    def named(self, name: str) -> InputColumn | None:
        """Returns the input of a name or alias."""
        return next((column for column in self.inputs.values() if name in column.names), None)


def _input(record_type: type[BaseModel], name: str, schema: dict[str, Any]) -> InputColumn:
    info = record_type.model_fields[name]
    if schema.get("type") not in _DATATYPES or not info.is_required():
        raise TypeError(f"{record_type.__name__}.{name} is no plain, required value.")
    datatype, accepted = _DATATYPES[schema["type"]]
    annotation: Any = info.annotation
    categories = get_args(annotation) if get_origin(annotation) is Literal else ()
    element = Annotated[(annotation, *info.metadata)] if info.metadata else annotation
    rules = {rule: value for rule, value in record_type.model_config.items() if rule in _RULES}
    only_bounds = schema.keys() <= {*_BOUNDS, *_REMARKS}
    return InputColumn(
        name=name,
        names=_names(name, info),
        datatype=datatype,
        accepted=accepted,
        bounds={key: schema[key] for key in _BOUNDS if key in schema} if only_bounds else None,
        categories=categories,
        vocabulary=Vocabulary(categories),
        validator=TypeAdapter(
            list[element],  # type: ignore[valid-type]
            config=ConfigDict(**rules),  # type: ignore[typeddict-item]
        ),
    )


def _names(name: str, info: FieldInfo) -> tuple[str, ...]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
    return tuple(dict.fromkeys([name, *(choice for choice in choices if type(choice) is str)]))


def _output(name: str, schema: dict[str, Any], labels: Mapping[str, Sequence[str]]) -> OutputColumn:
    if schema.get("type") in _DATATYPES:
        return OutputColumn(name, _DATATYPES[schema["type"]][0], [-1])
    value_type = schema.get("additionalProperties", {}).get("type")
    if value_type not in _DATATYPES or name not in labels:
        raise TypeError(f"The prediction's field {name} is neither a plain value nor labelled.")
    return OutputColumn(
        name,
        _DATATYPES[value_type][0],
        [-1, len(labels[name])],
        {"labels": ",".join(labels[name])},
    )
