"""Columns are refused for what rows are refused for, and become the same records."""

from typing import Any, Literal

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from framework import FieldError
from framework.encoder import Encoder
from framework.open_inference.tensors import BYTES, Tensor, Vocabulary, encode
from serving.errors import Code, ServingError
from serving.open_inference.column import listed
from serving.open_inference.columns import read_columns
from serving.open_inference.signature import Signature
from tests.unit.serving.open_inference.records import (
    SIGNATURE,
    VALID,
    Answer,
    Reading,
    records,
    replaced,
    tensors,
)

ENCODER = Encoder(Reading)
MAX_ROWS = 1_000


def problems_of_rows(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """What pydantic says against rows: field, row, position in a list, sentence."""
    try:
        pydantic.TypeAdapter(list[Reading]).validate_python(rows)
    except pydantic.ValidationError as error:
        return {
            (one["loc"][1], one["loc"][0], *one["loc"][2:], one["msg"]) for one in error.errors()
        }
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
        columns = read_columns(SIGNATURE, sent, MAX_ROWS)
        by_column = ENCODER.from_columns(columns)
        by_row = ENCODER.from_records([Reading.model_validate(row) for row in rows])
        np.testing.assert_array_equal(by_column.matrix, by_row.matrix)
        assert by_column.texts == by_row.texts
        for name, column in SIGNATURE.inputs.items():
            values = listed(column, columns[name])
            assert values == [row[name] for row in rows]
            assert [type(one) for one in values] == [type(row[name]) for row in rows]


KNOWN = ["low", "", "medium", "eight by", "nine byte", "größer", "x" * 64, "a", "b"]
VOCABULARY = Vocabulary(KNOWN)


def raw_of(texts: list[str]) -> bytes:
    """Raw data of texts."""
    return encode(np.array(texts, dtype=object), BYTES)


@given(st.lists(st.sampled_from(KNOWN), max_size=50))
def test_known_texts_are_found_by_their_positions(texts: list[str]) -> None:
    positions = VOCABULARY.positions(raw_of(texts), len(texts))

    assert positions is not None
    assert [KNOWN[position] for position in positions] == texts


ALMOST = st.lists(
    st.one_of(
        st.sampled_from([raw_of([text]) for text in KNOWN]),
        st.sampled_from([b"\0", b"\3\0\0\0lo", b"\3\0\0\0lo\0", b"\2\1\0\0lo", b"\0\0\0", b"w"]),
    ),
    max_size=8,
).map(b"".join)


@given(st.one_of(st.binary(max_size=60), ALMOST), st.integers(0, 8))
def test_what_is_no_sequence_of_known_texts_has_no_positions(raw: bytes, count: int) -> None:
    positions = VOCABULARY.positions(raw, count)

    if positions is not None:
        assert raw_of([KNOWN[position] for position in positions]) == raw
        assert len(positions) == count


@pytest.mark.parametrize("texts", [["x" * 65], ["a\0"], [str(number) for number in range(255)]])
def test_texts_that_are_long_or_many_are_left_to_others(texts: list[str]) -> None:
    assert Vocabulary(texts).positions(raw_of(texts[:1]), 1) is None


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (replaced("grade", name="wages"), "inputs.wages: There is no input of this name"),
        (replaced("grade", datatype="INT64"), "inputs.grade: The datatype should be BYTES"),
        (replaced("grade", shape=[2, 2]), "inputs.grade: The shape should be [N] or [N, 1]"),
        (replaced("grade", shape=[]), "inputs.grade: The shape should be [N] or [N, 1]"),
        (replaced("grade", shape=[1]), "inputs.grade: There are 1 rows, but 2 in share"),
        (replaced("grade", data=["low"]), "inputs.grade: The data hold 1 values, but the shape"),
        (replaced("grade", data=b"\x03\x00\x00\x00lo"), "The data end within an element"),
        (replaced("grade", data=b"\x03\x00"), "The data end within the length of an element"),
        (replaced("grade", data=b"\x01\x00\x00\x00\xff" * 2), "Element 0 is not UTF-8 text"),
        (replaced("flag", data=[0, True]), "inputs.flag.1: Input should be"),
        (replaced("flag", data=[0, "1"]), "inputs.flag.1: Input should be"),
        (replaced("flag", data=b"1234"), "The data have 4 bytes, but the shape asks"),
        (replaced("count", datatype="INT8", data=[1, 2.0]), "valid integer"),
        (replaced("score", datatype="INT8", data=[1, 0.5]), "not a whole number"),
        (replaced("count", datatype="FP64", data=[1.0, 2.0]), "datatype should be INT8"),
        (replaced("total", data=[[1], 2]), "inputs.total.0: Input"),
        (replaced("total", datatype="INT8", data=[1, 300]), "does not fit into INT8"),
        (replaced("free", datatype="FP32", data=[1, 1e300]), "does not fit into FP32"),
        (replaced("free", datatype="INT64", data=[None, 2**70]), "does not fit into INT64"),
        (replaced("free", datatype="FP64", data=[None, 10**400]), "inputs.free.1: Input should"),
        (replaced("grade", data=["low", "low"], base64=True), "not UTF-8 text in Base64"),
        (replaced("text", data=b"\x04\0\0\0/w==" * 2, base64=True), "not UTF-8 text in Base64"),
        (replaced("count", base64=True), "inputs.count: Only BYTES can be Base64"),
        (replaced("steps", shape=[2, 3]), "inputs.steps: The shape should be [N, 2], N being"),
        (replaced("steps", shape=[2]), "inputs.steps: The shape should be [N, 2], N being"),
        (replaced("sizes", data=[[0, 1], [1]]), "The data hold 3 values, but the shape asks"),
        (replaced("sizes", data=[0, 1, 2, 1]), "inputs.sizes.1.0: Input should be less than"),
        (replaced("some", data=b"\0\0\0\0\0\0\xf0\x7f" * 2), "inputs.some.0: Input should be"),
        (tensors([VALID], raw=False, nested=False)[:-1], "inputs.note: Field required"),
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
    sent = replaced("place", name="sales")
    sent = [
        Tensor(one.name, "FP32", one.shape, np.array([0.25, 1], "<f4").tobytes())
        if one.name == "score"
        else one
        for one in sent
    ]

    columns = read_columns(SIGNATURE, sent, MAX_ROWS)

    assert columns["score"].tolist() == [0.25, 1]
    assert columns["place"].tolist() == [3, 3]


def test_what_only_json_can_say_may_be_missing() -> None:
    columns = read_columns(SIGNATURE, replaced("free", datatype="INT8", data=[None, 3]), MAX_ROWS)

    assert listed(SIGNATURE.inputs["free"], columns["free"]) == [None, 3]


def test_fields_become_tensors() -> None:
    assert {name: (one.datatype, one.shape) for name, one in SIGNATURE.inputs.items()} == {
        **dict.fromkeys(("share", "score", "free"), ("FP64", [-1])),
        **dict.fromkeys(("count", "total", "flag", "step"), ("INT64", [-1])),
        # Of the numbers, only those of this datatype can be missing.
        **dict.fromkeys(("some", "known", "code"), ("FP64", [-1])),
        **dict.fromkeys(("place", "grade", "text", "sort", "note"), ("BYTES", [-1])),
        "is_new": ("BOOL", [-1]),
        "sizes": ("FP64", [-1, 2]),
        "steps": ("FP64", [-1, 2]),
        "weights": ("FP64", [-1, 2]),
    }
    assert {name: (one.datatype, one.shape) for name, one in SIGNATURE.outputs.items()} == {
        "value": ("FP64", [-1]),
        "labelled": ("FP64", [-1, 2]),
    }


LABELS = {"labelled": ["a", "b"]}


class Even(BaseModel):
    """A rule that is no bound."""

    model_config = ConfigDict(strict=True)

    number: int = Field(multiple_of=2)


def test_rules_beyond_bounds_hold_for_raw_numbers() -> None:
    signature = Signature.of(Even, Answer, LABELS)
    raw = np.array([2, 3], "<i8").tobytes()

    wrong = problems_of(signature, [Tensor("number", "INT64", [2], raw)])

    assert wrong == {("number", 1, "Input should be a multiple of 2")}


class Forgiving(BaseModel):
    """Of its fields, one alone must be given."""

    model_config = ConfigDict(strict=True)

    number: int
    size: float = 0.5
    grade: Literal["low", "high"] = "high"
    new: bool = True
    step: int | None = None
    pair: list[float] = Field(default=[1.0, 2.0], min_length=2, max_length=2)


def test_a_tensor_that_is_left_out_has_its_default_in_every_row() -> None:
    signature = Signature.of(Forgiving, Answer, LABELS)
    sent = [Tensor("number", "INT64", [3], [7, 8, 9])]

    columns = read_columns(signature, sent, MAX_ROWS)

    by_column = Encoder(Forgiving).from_columns(columns)
    assert list(by_column) == [Forgiving(number=number) for number in (7, 8, 9)]
    for name, column in signature.inputs.items():
        assert listed(column, columns[name]) == [getattr(one, name) for one in by_column]


@pytest.mark.parametrize("raw", [True, False])
def test_a_tensor_that_may_be_left_out_is_judged_when_given(raw: bool) -> None:
    signature = Signature.of(Forgiving, Answer, LABELS)
    grades: Any = ["low", "middle"]
    if raw:
        grades = encode(np.array(grades, dtype=object), BYTES)
    sent = [Tensor("number", "INT64", [2], [7, 8]), Tensor("grade", BYTES, [2], grades)]

    assert problems_of(signature, sent) == {("grade", 1, "Input should be 'low' or 'high'")}


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


def test_records_that_are_no_columns_are_told() -> None:
    with pytest.raises(FieldError, match=r"Nested\.parts"):
        Signature.of(Nested, Answer, LABELS)


def test_answers_whose_labels_nobody_knows_are_told() -> None:
    with pytest.raises(FieldError, match="labelled"):
        Signature.of(Reading, Answer, {})


@pytest.mark.parametrize(("record_type", "by_rows"), [(Related, True), (Even, False)])
def test_pydantic_must_see_records_with_rules_of_their_own(
    record_type: type[BaseModel], by_rows: bool
) -> None:
    assert Signature.of(record_type, Answer, LABELS).by_rows == by_rows
