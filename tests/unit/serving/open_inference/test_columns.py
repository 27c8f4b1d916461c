"""Columns are refused for what rows are refused for, and become the same features."""

import math
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.attrition.features import matrix, matrix_from_columns
from models.attrition.schema import Attrition, Employee
from models.topics.schema import Text, Topic
from serving.errors import Code, ServingError
from serving.open_inference.columns import read_columns
from serving.open_inference.signature import Signature
from serving.open_inference.tensors import BYTES, DTYPES, Tensor, encode

SIGNATURE = Signature.of(Employee, Attrition, {})
TEXTS = Signature.of(Text, Topic, {"probabilities": ["a", "b"]})
MAX_ROWS = 1_000

shares = st.one_of(
    st.floats(0, 1), st.sampled_from([-0.001, 1.001, math.nan, math.inf, -math.inf, 1e300])
)
flags = st.integers(-1, 2)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "satisfaction_level": shares,
    "last_evaluation": shares,
    "number_project": st.integers(-1, 52),
    "average_monthly_hours": st.one_of(st.integers(-2, 746), st.sampled_from([2**62, -(2**63)])),
    "time_spend_company": st.integers(-1, 62),
    "work_accident": flags,
    "promotion_last_5years": flags,
    "department": st.sampled_from(["IT", "sales", "RandD", "hr", "catering", "", "Sales", "büro"]),
    "salary": st.sampled_from(["low", "medium", "high", "highest", "\x00\x00\x00low"]),
}
VALID: dict[str, Any] = {
    "satisfaction_level": 0.5,
    "last_evaluation": 0.5,
    "number_project": 3,
    "average_monthly_hours": 160,
    "time_spend_company": 3,
    "work_accident": 0,
    "promotion_last_5years": 0,
    "department": "sales",
    "salary": "low",
}


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of the right types, some of whose values are wrong."""
    suspect = draw(st.sets(st.sampled_from(sorted(VALUES)), max_size=3))
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
    found = []
    for name, column in SIGNATURE.inputs.items():
        listed: list[Any] = [row[name] for row in rows]
        shape = [len(rows), 1] if nested else [len(rows)]
        data: bytes | list[Any]
        if raw:
            data = encode(as_array(listed, column.datatype), column.datatype)
        else:
            data = [[value] for value in listed] if nested else listed
        found.append(Tensor(name, column.datatype, shape, data))
    return found


def as_array(listed: list[Any], datatype: str) -> NDArray[Any]:
    """A column as an array."""
    return np.array(listed, dtype=object if datatype == BYTES else DTYPES[datatype])


def problems_of_rows(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """What pydantic says against rows: field, row, sentence."""
    try:
        pydantic.TypeAdapter(list[Employee]).validate_python(rows)
    except pydantic.ValidationError as error:
        return {(one["loc"][1], one["loc"][0], one["msg"]) for one in error.errors()}
    return set()


def problems_of(signature: Signature, sent: list[Tensor]) -> set[tuple[Any, ...]]:
    """What is said against columns."""
    try:
        read_columns(signature, sent, MAX_ROWS)
    except ServingError as error:
        return {(*one.loc[1:], one.msg) for one in error.detail if one.loc[0] == "inputs"}
    return set()


@given(rows=records(), raw=st.booleans(), nested=st.booleans())
def test_columns_are_judged_as_rows_are(
    rows: list[dict[str, Any]], raw: bool, nested: bool
) -> None:
    sent = tensors(rows, raw=raw, nested=nested)

    expected = problems_of_rows(rows)

    assert problems_of(SIGNATURE, sent) == expected
    if not expected:
        by_column = matrix_from_columns(read_columns(SIGNATURE, sent, MAX_ROWS))
        by_row = matrix([Employee.model_validate(row) for row in rows])
        np.testing.assert_array_equal(by_column, by_row)


@given(st.lists(st.sampled_from(["low", "medium", "high"]), min_size=1, max_size=50))
def test_known_texts_are_found_by_their_positions(texts: list[str]) -> None:
    column = SIGNATURE.inputs["salary"]
    raw = encode(np.array(texts, dtype=object), BYTES)

    positions = column.vocabulary.positions(raw, len(texts))

    assert positions is not None
    assert [column.categories[position] for position in positions] == texts


@given(st.binary(max_size=60), st.integers(0, 5))
def test_what_is_no_sequence_of_known_texts_has_no_positions(raw: bytes, count: int) -> None:
    column = SIGNATURE.inputs["salary"]

    positions = column.vocabulary.positions(raw, count)

    if positions is not None:
        texts = [column.categories[position] for position in positions]
        assert encode(np.array(texts, dtype=object), BYTES) == raw


def replaced(name: str, /, **changes: Any) -> list[Tensor]:
    """Two valid rows, with one tensor changed."""
    return [
        Tensor(**{**vars(one), **changes}) if one.name == name else one
        for one in tensors([VALID, VALID], raw=False, nested=False)
    ]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (replaced("salary", name="wages"), "inputs.wages: There is no input of this name"),
        (replaced("salary", datatype="INT64"), "inputs.salary: The datatype should be BYTES"),
        (replaced("salary", shape=[2, 2]), "inputs.salary: The shape should be [N] or [N, 1]"),
        (replaced("salary", shape=[]), "inputs.salary: The shape should be [N] or [N, 1]"),
        (replaced("salary", shape=[1]), "inputs.salary: There are 1 rows, but 2 in satisfaction"),
        (replaced("salary", data=["low"]), "inputs.salary: The data hold 1 values, but the shape"),
        (replaced("salary", data=b"\x03\x00\x00\x00lo"), "The data end within an element"),
        (replaced("salary", data=b"\x03\x00"), "The data end within the length of an element"),
        (replaced("salary", data=b"\x01\x00\x00\x00\xff" * 2), "Element 0 is not UTF-8 text"),
        (replaced("work_accident", data=[0, True]), "inputs.work_accident.1: Input should be"),
        (replaced("work_accident", data=[0, "1"]), "inputs.work_accident.1: Input should be"),
        (replaced("work_accident", data=b"1234"), "The data have 4 bytes, but the shape asks"),
        (replaced("number_project", datatype="INT8", data=[1, 2.0]), "valid integer"),
        (replaced("last_evaluation", datatype="INT8", data=[1, 0.5]), "not a whole number"),
        (replaced("number_project", datatype="FP64", data=[1.0, 2.0]), "datatype should be INT8"),
        (replaced("time_spend_company", data=[[1], 2]), "inputs.time_spend_company.0: Input"),
        (tensors([VALID], raw=False, nested=False)[:-1], "inputs.salary: Field required"),
        (
            [*tensors([VALID], raw=False, nested=False), Tensor("sales", BYTES, [1], ["IT"])],
            "inputs.sales: The input is given more than once",
        ),
    ],
)
def test_what_is_wrong_is_named(sent: list[Tensor], message: str) -> None:
    with pytest.raises(ServingError) as refused:
        read_columns(SIGNATURE, sent, MAX_ROWS)

    assert refused.value.code is Code.INVALID_INPUT
    assert message in str(refused.value)


def test_too_many_rows_are_a_matter_of_size() -> None:
    with pytest.raises(ServingError) as refused:
        read_columns(SIGNATURE, tensors([VALID] * 3, raw=True, nested=False), 2)

    assert refused.value.code is Code.PAYLOAD_TOO_LARGE


def test_aliases_narrow_and_wide_datatypes_are_accepted() -> None:
    sent = replaced("department", name="sales")
    sent = [
        Tensor(one.name, "FP32", one.shape, np.array([0.25, 1], "<f4").tobytes())
        if one.name == "last_evaluation"
        else one
        for one in sent
    ]

    columns = read_columns(SIGNATURE, sent, MAX_ROWS)

    assert columns["last_evaluation"].tolist() == [0.25, 1]
    assert columns["department"].tolist() == [7, 7]


@pytest.mark.parametrize("raw", [True, False])
def test_texts_are_judged_one_by_one(raw: bool) -> None:
    texts = ["fine", " \n", "日本語", "", "x" * 10_001]
    data = encode(np.array(texts, dtype=object), BYTES) if raw else texts

    wrong = problems_of(TEXTS, [Tensor("text", BYTES, [5], data)])

    assert {row for _, row, _ in wrong} == {1, 3, 4}


def test_fields_become_tensors() -> None:
    assert {name: one.datatype for name, one in SIGNATURE.inputs.items()} == {
        **dict.fromkeys(VALID, "INT64"),
        "satisfaction_level": "FP64",
        "last_evaluation": "FP64",
        "department": "BYTES",
        "salary": "BYTES",
    }
    assert {name: (one.datatype, one.shape) for name, one in TEXTS.outputs.items()} == {
        "topic": ("BYTES", [-1]),
        "probability": ("FP64", [-1]),
        "probabilities": ("FP64", [-1, 2]),
    }


class Even(BaseModel):
    """A rule that is no bound."""

    model_config = ConfigDict(strict=True)

    number: int = Field(multiple_of=2)


def test_rules_beyond_bounds_hold_for_raw_numbers() -> None:
    signature = Signature.of(Even, Attrition, {})
    raw = np.array([2, 3], "<i8").tobytes()

    wrong = problems_of(signature, [Tensor("number", "INT64", [2], raw)])

    assert wrong == {("number", 1, "Input should be a multiple of 2")}


class Nested(BaseModel):
    """No column could hold this."""

    parts: list[int]


class Related(BaseModel):
    """A rule about two values at once."""

    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> "Related":
        return self


@pytest.mark.parametrize("record_type", [Nested, Related])
def test_records_that_are_no_columns_are_told(record_type: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match=record_type.__name__):
        Signature.of(record_type, Attrition, {})
