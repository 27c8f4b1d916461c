"""What a model takes and gives as tensors, derived from its record and answer types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from framework import FieldError
from framework.answers import AnswerField, answer_fields
from framework.fields import FieldSpec, fields_of, has_own_rules
from framework.open_inference.tensors import BYTES, Vocabulary

_INTEGERS = tuple(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_FLOATS = ("FP16", "FP32", "FP64")
# Rules that a record type may set for all its fields.
_RULES = ("allow_inf_nan", "str_max_length", "str_min_length", "strict")
# Kind of a field → the datatype to offer, and those to accept for it.
_DATATYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "int": ("INT64", _INTEGERS),
    "float": ("FP64", (*_FLOATS, *_INTEGERS)),
    "bool": ("BOOL", ("BOOL",)),
    "text": (BYTES, (BYTES,)),
}


@dataclass(frozen=True)
class InputColumn:
    """One field of a record as a tensor: shape `[N]`, or `[N, length]` for a list.

    Attributes:
        spec: The field.
        datatype: Datatype offered for it. A number that may be missing is offered as FP64, in
            which NaN says so; a missing text is an empty element.
        accepted: Datatypes that can hold the field's values.
        vocabulary: Finds the positions of its categories; a last one, empty, is a missing value.
        validator: Judges a whole list of the field's values as the record type judges each.
    """

    spec: FieldSpec
    datatype: str
    accepted: tuple[str, ...]
    vocabulary: Vocabulary | None
    validator: TypeAdapter[list[Any]]

    @property
    def name(self) -> str:
        """The field's name."""
        return self.spec.name

    @property
    def shape(self) -> list[int]:
        """With -1 for the number of records."""
        return [-1] if self.spec.length is None else [-1, self.spec.length]


@dataclass(frozen=True)
class OutputColumn:
    """One field of an answer as a tensor."""

    name: str
    datatype: str
    shape: list[int]
    """With -1 for the number of records, and for lists of no fixed length."""

    parameters: dict[str, str] = field(default_factory=dict)
    nullable: bool = False
    """Whether a value may be missing: NaN in a tensor, and `null` in JSON."""


@dataclass(frozen=True)
class Signature:
    """The tensors of one model.

    Attributes:
        inputs: By the field's name.
        outputs: By the field's name.
        answer_type: Type of an answer.
        labels: Output that is a mapping → its keys, in the order of the tensor's columns.
        by_rows: Whether pydantic must see each record as a whole.
    """

    inputs: dict[str, InputColumn]
    outputs: dict[str, OutputColumn]
    answer_type: type[BaseModel]
    labels: Mapping[str, Sequence[str]]
    by_rows: bool

    @classmethod
    def of(
        cls,
        record_type: type[BaseModel],
        answer_type: type[BaseModel],
        labels: Mapping[str, Sequence[str]],
    ) -> "Signature":
        """Derives the tensors from the types.

        Args:
            record_type: Its fields become inputs.
            answer_type: Its fields become outputs.
            labels: Field of an answer that is a mapping → its keys, in order.

        Raises:
            FieldError: A field has no tensor that could hold it.
        """
        inputs = {spec.name: _input(record_type, spec) for spec in fields_of(record_type)}
        outputs = {one.name: _output(one, labels) for one in answer_fields(answer_type)}
        return cls(inputs, outputs, answer_type, labels, has_own_rules(record_type))

    def named(self, name: str) -> InputColumn | None:
        """Returns the input of a name or alias."""
        return next((column for column in self.inputs.values() if name in column.spec.names), None)


def _input(record_type: type[BaseModel], spec: FieldSpec) -> InputColumn:
    kind = spec.kind
    is_text = kind == "category" and type(spec.categories[0]) is str
    if kind == "category":
        kind = "text" if is_text else "int"
    datatype, accepted = _DATATYPES[kind]
    if spec.nullable and kind in ("int", "bool"):
        datatype, accepted = "FP64", (*accepted, *_FLOATS)
    rules = {rule: value for rule, value in record_type.model_config.items() if rule in _RULES}
    texts = [*spec.categories, ""] if spec.nullable else spec.categories
    return InputColumn(
        spec=spec,
        datatype=datatype,
        accepted=accepted,
        vocabulary=Vocabulary(texts) if is_text else None,
        validator=TypeAdapter(
            list[spec.annotation],  # type: ignore[name-defined]
            config=ConfigDict(**rules),  # type: ignore[typeddict-item]
        ),
    )


def _output(one: AnswerField, labels: Mapping[str, Sequence[str]]) -> OutputColumn:
    datatype = _DATATYPES[one.kind][0]
    if one.shape == "single":
        return OutputColumn(one.name, datatype, [-1], nullable=one.nullable)
    if one.shape == "list":
        return OutputColumn(one.name, datatype, [-1, one.length or -1])
    if one.name not in labels:
        raise FieldError(f"The answer's field {one.name} is a mapping whose keys are not known.")
    keys = labels[one.name]
    return OutputColumn(one.name, datatype, [-1, len(keys)], {"labels": ",".join(keys)})
