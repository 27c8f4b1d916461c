"""The encoder: rows and columns are two ways into one matrix, and records come out unchanged."""

import math
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field

from framework.encoder import Encoder, EncodingError
from framework.records import Records
from tests.unit.framework.strategies import Sample, patiently, samples


def typed(record: BaseModel) -> list[tuple[str, type, Any]]:
    """The values of a record with their types: 1, 1.0 and True are not the same."""
    return [(name, type(value), value) for name, value in record]


@patiently
@given(samples())
def test_rows_and_columns_give_the_same_matrix(sample: Sample) -> None:
    encoder = Encoder(sample.record_type)
    columns = {name: [getattr(one, name) for one in sample.records] for name in encoder.names}

    by_rows = encoder.from_records(sample.records)
    by_columns = encoder.from_columns(columns, len(sample.records))

    assert by_rows.matrix.dtype == by_columns.matrix.dtype == np.float64
    assert by_rows.matrix.shape == (len(sample.records), len(encoder.columns))
    np.testing.assert_array_equal(by_rows.matrix, by_columns.matrix)
    assert by_rows.texts == by_columns.texts


# Codes of whole numbers would be taken for the numbers themselves.
@patiently
@given(samples(without="numbers"))
def test_columns_of_records_give_their_matrix_again(sample: Sample) -> None:
    encoder = Encoder(sample.record_type)
    records = encoder.from_records(sample.records)

    again = encoder.from_columns(records.columns, len(records))

    np.testing.assert_array_equal(again.matrix, records.matrix)
    assert again.texts == records.texts


@patiently
@given(samples())
def test_records_come_out_as_they_went_in(sample: Sample) -> None:
    encoded = Encoder(sample.record_type).from_records(sample.records)

    assert list(map(typed, encoded)) == list(map(typed, sample.records))
    assert [encoded[index] for index in range(len(encoded))] == sample.records
    assert encoded == sample.records


@patiently
@given(samples(least=1), st.data())
def test_parts_joined_are_the_whole(sample: Sample, data: st.DataObject) -> None:
    whole = Encoder(sample.record_type).from_records(sample.records)
    cut = data.draw(st.integers(0, len(whole)))

    head, tail = whole[:cut], whole[cut:]
    joined = Records.joined([head, tail])

    assert (len(head), len(tail)) == (cut, len(whole) - cut)
    assert list(head) == sample.records[:cut]
    np.testing.assert_array_equal(joined.matrix, whole.matrix)
    assert joined == whole
    assert head + tail == sample.records


def test_a_row_beyond_the_last_is_an_index_error() -> None:
    class One(BaseModel):
        number: float

    records = Encoder(One).from_records([One(number=1)])

    assert records[-1].number == 1
    with pytest.raises(IndexError):
        records[1]


class Flat(BaseModel):
    size: Literal["small", "large"]
    count: int | None
    ratio: float


class Deep(BaseModel):
    text: str
    count: int
    sizes: Annotated[list[float], Field(min_length=2, max_length=2)] | None


def test_categories_get_their_positions_and_lists_a_column_for_each_value() -> None:
    flat = Encoder(Flat)
    matrix, texts = flat.encode([("large", None, 0.5), ("small", 3, 1.0)])
    assert flat.columns == ["size", "count", "ratio"]
    np.testing.assert_array_equal(matrix, [[1, math.nan, 0.5], [0, 3, 1]])
    assert texts == {}

    deep = Encoder(Deep)
    matrix, texts = deep.encode([("a", 1, [2.0, 3.0]), ("b", 4, None)])
    assert deep.columns == ["count", "sizes_0", "sizes_1"]
    np.testing.assert_array_equal(matrix, [[1, 2, 3], [4, math.nan, math.nan]])
    assert texts == {"text": ["a", "b"]}


@patiently
@given(samples(least=1), st.data())
def test_rows_are_encoded_alike_whenever_that_happens(sample: Sample, data: st.DataObject) -> None:
    encoder = Encoder(sample.record_type)
    whole = encoder.from_records(sample.records)
    values = [tuple(vars(record).values()) for record in sample.records]
    cut = data.draw(st.integers(0, len(values)))
    parts = [Records.of_values(encoder, list(values))[:cut], whole[cut:]]
    late = Records.of_values(encoder, list(values))[cut:]
    if data.draw(st.booleans()):
        parts[1] = late
    if data.draw(st.booleans()):
        assert parts[0].matrix.shape == (cut, len(encoder.columns))

    joined = Records.joined(parts)

    assert len(joined) == len(values)
    np.testing.assert_array_equal(joined.matrix, whole.matrix)
    assert joined.texts == whole.texts
    assert len(joined) == len(values)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_columns_may_say_missing_as_null_or_nan(missing: float | None) -> None:
    class Gappy(BaseModel):
        size: Literal["small", "large"] | None
        step: Literal[1, 2] | None
        count: int | None

    columns = {"size": ["large", missing], "step": [2, missing], "count": [7, missing]}

    encoded = Encoder(Gappy).from_columns(columns)

    np.testing.assert_array_equal(encoded.matrix, [[1, 1, 7], [math.nan] * 3])


def test_an_unknown_category_of_a_column_is_an_error() -> None:
    columns = {"size": ["medium"], "count": [1], "ratio": [1.0]}

    with pytest.raises(KeyError, match="medium"):
        Encoder(Flat).from_columns(columns)


@pytest.mark.parametrize(
    ("record_type", "rows", "field"),
    [
        (Flat, [("small", 1, 0.0), ("small", 2**1024, 0.0)], "count"),
        (Deep, [("a", 1, None), ("b", -(2**1024), None)], "count"),
    ],
)
def test_a_whole_number_beyond_floats_is_refused_with_its_place(
    record_type: type[BaseModel], rows: list[tuple[Any, ...]], field: str
) -> None:
    with pytest.raises(EncodingError, match="64-bit") as refused:
        Encoder(record_type).encode(rows)

    assert (refused.value.row, refused.value.field) == (1, field)


def test_what_an_authors_function_made_is_kept_as_rows() -> None:
    class Rounded(BaseModel):
        number: Annotated[float, AfterValidator(round)]

    encoder = Encoder(Rounded)
    given = [Rounded(number=1.2), Rounded(number=2.7)]

    records = encoder.from_records(given)

    assert encoder.keeps_rows
    assert records[1] is given[1]
    assert Records.joined([records[:1], records[1:]]).rows == given
