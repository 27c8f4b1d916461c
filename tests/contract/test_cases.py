"""The cases themselves: what is made of a record type with fields of every kind."""

import math
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from framework import Regression
from framework.recipes.pipeline import Pipeline
from tests.contract.cases import edge_records, random_records, refused, valid_values


class Thing(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    share: float = Field(gt=0, le=1)
    count: int = Field(ge=0, le=9, validation_alias=AliasChoices("count", "Count"))
    weight: float | None = Field(ge=0)
    colour: Literal["red", "blue"] | None
    step: Literal[1, 2]
    is_new: bool
    sizes: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]
    text: str = Field(min_length=1, max_length=20)
    note: str | None = None


class Price(BaseModel):
    price: float


MODEL = Pipeline[Thing, Price](
    name="thing",
    record=Thing,
    answer=Price,
    rows="things",
    target="price",
    task=Regression(),
    sample=[
        {
            "share": 0.5,
            "count": 3,
            "weight": None,
            "colour": "red",
            "step": 1,
            "is_new": True,
            "sizes": [1.0, 2.0],
            "text": "a",
        }
    ],
    pipeline=lambda: None,
)


def test_every_valid_value_occurs_and_limits_are_among_them() -> None:
    values = {field.name: valid_values(MODEL, field) for field in MODEL.encoder.fields}

    assert values["colour"] == ["red", "blue", None]
    assert values["is_new"] == [False, True]
    assert values["count"] == [0, 1, 4, 8, 9]
    assert 1 in values["share"]
    assert 0 not in values["share"]
    assert math.nextafter(0, 1) in values["share"]
    assert None in values["weight"]
    assert None in values["note"]
    assert "w" * 20 in values["text"]
    assert all(len(one) == 2 for one in values["sizes"])
    records = edge_records(MODEL)
    for name, them in values.items():
        for value in them:
            assert any(record.get(name) == value for record in records), (name, value)


def test_records_are_valid_and_hardly_alike() -> None:
    for record in (*edge_records(MODEL), *(made := random_records(MODEL, 200))):
        Thing.model_validate(record)
    assert len({str(record) for record in made}) == len(made)


def test_everything_that_can_be_wrong_is_tried() -> None:
    cases = {case.name: case for case in refused(MODEL)}

    assert cases.keys() == {
        "below the range (float)", "above the range (float)", "number as text (float)",
        "truth value for a number (float)", "infinite (float)", "not a number (float)",
        "list for a value (float)", "null (float)",
        "below the range (int)", "above the range (int)", "number as text (int)",
        "truth value for a number (int)", "fraction for a whole number (int)",
        "beyond 64 bits (int)", "list for a value (int)", "null (int)",
        "unknown category (category)", "category in other case (category)",
        "list for a value (category)", "null (category)",
        "number for a truth value (bool)", "truth value as text (bool)",
        "list for a value (bool)", "null (bool)",
        "below the range in a list (float)", "number as text in a list (float)",
        "truth value for a number in a list (float)", "not a number in a list (float)",
        "list that is too short (float)", "list that is too long (float)",
        "value for a list (float)",
        "text that is a number (text)", "text too long (text)", "empty text (text)",
        "list for a value (text)", "null (text)",
        "missing field", "field in both spellings", "unknown field",
        "no rows (predict)", "row that is no object (predict)",
    }  # fmt: skip
    assert cases["null (bool)"].loc == ("things", 1, "is_new")
    assert cases["below the range in a list (float)"].loc == ("things", 1, "sizes", 1)
    assert cases["missing field"].loc == ("things", 0, "share")
