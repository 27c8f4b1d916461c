"""What is read of a record type's fields, and which types are refused."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)

from framework.fields import FieldError, FieldSpec, fields_of, has_own_rules


def spec_of(annotation: Any, field: Any = ...) -> FieldSpec:
    """The specification of the only field, `it`, of a record type."""
    (spec,) = fields_of(create_model("Record", it=(annotation, field)))
    return spec


def pair(element: Any) -> Any:
    """A list of two."""
    return Annotated[list[element], Field(min_length=2, max_length=2)]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (float, {"kind": "float"}),
        (int | float, {"kind": "float"}),
        (int, {"kind": "int"}),
        (bool, {"kind": "bool"}),
        (str, {"kind": "text", "width": 0, "columns": []}),
        (Literal["b", "a"], {"kind": "category", "categories": ("b", "a")}),
        (Literal[2, 1], {"kind": "category", "categories": (2, 1)}),
        (Literal["a"] | None, {"kind": "category", "categories": ("a",), "nullable": True}),
        (float | None, {"kind": "float", "nullable": True, "required": True}),
        (Annotated[float, Field(ge=0)] | None, {"bounds": {"ge": 0}, "nullable": True}),
        (Annotated[float | None, Field(gt=0, lt=1)], {"low": 0, "high": 1, "nullable": True}),
        (pair(int), {"kind": "int", "length": 2, "width": 2, "columns": ["it_0", "it_1"]}),
        (pair(Annotated[float, Field(le=3)]), {"kind": "float", "bounds": {"le": 3}}),
        (pair(bool) | None, {"kind": "bool", "length": 2, "nullable": True}),
        (Annotated[str, Field(min_length=1, max_length=9)], {"lengths": (1, 9), "plain": True}),
        (Annotated[str, Field(pattern="a")], {"kind": "text", "plain": False}),
        (Annotated[int, Field(multiple_of=2)], {"kind": "int", "plain": False}),
        (pair(Annotated[int, Field(multiple_of=2)]), {"plain": False}),
    ],
    ids=str,
)
def test_a_type_is_told_in_full(annotation: Any, expected: dict[str, Any]) -> None:
    spec = spec_of(annotation)

    assert {name: getattr(spec, name) for name in expected} == expected


def test_rules_defaults_and_descriptions_of_a_field_count() -> None:
    spec = spec_of(int | None, Field(default=4, ge=1, le=9, description="How many."))

    assert (spec.required, spec.default, spec.low, spec.high) == (False, 4, 1, 9)
    assert spec.description == "How many."


def test_aliases_are_further_names() -> None:
    spec = spec_of(float, Field(validation_alias=AliasChoices("it", "IT", "that")))

    assert spec.names == ("it", "IT", "that")


@pytest.mark.parametrize("alias", ["that", AliasChoices("that", "IT")])
def test_aliases_that_leave_out_the_name_are_refused(alias: Any) -> None:
    with pytest.raises(FieldError, match=r"Record\.it .*AliasChoices\('it', "):
        spec_of(float, Field(validation_alias=alias))


def test_aliases_may_leave_out_the_name_where_the_type_takes_names() -> None:
    class ByName(BaseModel):
        model_config = ConfigDict(validate_by_name=True)
        it: float = Field(validation_alias="that")

    assert fields_of(ByName)[0].names == ("it", "that")


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        (date, r"Record\.it is of type date; a field may be float, int, bool, str"),
        (dict[str, float], "a field may be"),
        (int | str, "a field may be"),
        (tuple[float, float], "a field may be"),
        (Literal["a", 1], "a Literal must be of texts, or of whole numbers"),
        (Literal[True], "a Literal must be of texts, or of whole numbers"),
        (list[float], "must have a fixed length"),
        (Annotated[list[float], Field(min_length=1, max_length=2)], "must have a fixed length"),
        (pair(str), "a list may hold numbers only"),
        (pair(Literal["a"]), "a list may hold numbers only"),
        (pair(float | None), "must not be missing one by one"),
    ],
    ids=str,
)
def test_a_type_without_an_encoding_is_refused_by_name(annotation: Any, sentence: str) -> None:
    with pytest.raises(FieldError, match=sentence) as refused:
        spec_of(annotation)

    assert "Record.it" in str(refused.value)


def _field_validator() -> Any:
    class Record(BaseModel):
        it: float

        @field_validator("it")
        @classmethod
        def _same(cls, value: float) -> float:
            return value

    return Record


def _model_validator() -> Any:
    class Record(BaseModel):
        it: float

        @model_validator(mode="after")
        def _same(self) -> "Record":
            return self

    return Record


def _post_init() -> Any:
    class Record(BaseModel):
        it: float

        def model_post_init(self, context: Any, /) -> None:
            if self.it == 13:
                raise ValueError("unlucky")

    return Record


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: create_model("Record", it=(float, Field(ge=0))), False),
        (lambda: create_model("Record", __config__=ConfigDict(strict=True), it=(str, ...)), False),
        (lambda: create_model("Record", it=(Annotated[float, AfterValidator(abs)], ...)), True),
        (lambda: create_model("Record", it=(Annotated[float, BeforeValidator(abs)], ...)), True),
        (
            lambda: create_model("Record", it=(pair(Annotated[int, AfterValidator(abs)]), ...)),
            True,
        ),
        (
            lambda: create_model(
                "Record", __config__=ConfigDict(str_strip_whitespace=True), it=(str, ...)
            ),
            True,
        ),
        (lambda: create_model("Record", it=(float, Field(default_factory=float))), True),
        (_field_validator, True),
        (_model_validator, True),
        (_post_init, True),
    ],
    ids=[
        "bounds", "strict", "after", "before", "in a list", "stripped", "factory",
        "field validator", "model validator", "post init",
    ],
)  # fmt: skip
def test_types_with_rules_of_their_own_are_known(make: Callable[[], Any], expected: bool) -> None:
    assert has_own_rules(make()) is expected
