"""What rows weigh, however they come."""

from typing import Any

import pytest
from pydantic import BaseModel

from framework import Records
from framework.encoder import Encoder
from serving.batching.weight import CHARACTERS, weight_of, weights_of


class Note(BaseModel):
    """A row with two texts, one of which may be missing."""

    number: float
    text: str
    remark: str | None


class Number(BaseModel):
    """A row without texts."""

    number: float


LONG = "x" * 3 * CHARACTERS
NOTES = [(1.0, LONG, None), (2.0, "", LONG), (3.0, "x", "x")]
NUMBERS = [(1.0,), (2.0,)]


def unencoded(record: type[BaseModel], rows: list[tuple[Any, ...]]) -> Records[Any]:
    """Rows as the codecs make them."""
    return Records.of_values(Encoder(record), list(rows))


def encoded(record: type[BaseModel], rows: list[tuple[Any, ...]]) -> Records[Any]:
    """Rows as a matrix and texts."""
    records = unencoded(record, rows)
    assert len(records.matrix) == len(rows)
    return records


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        (unencoded(Note, NOTES), [4, 4, 1]),
        (encoded(Note, NOTES), [4, 4, 1]),
        (unencoded(Number, NUMBERS), [1, 1]),
        (encoded(Number, NUMBERS), [1, 1]),
        (["", "x", LONG], [1, 1, 4]),
        ([1, 2, 3], [1, 1, 1]),
        ([{"text": LONG}], [1]),
    ],
)
def test_a_row_weighs_one_and_more_with_long_texts(rows: Any, weights: list[int]) -> None:
    assert weights_of(rows) == weights
    assert weight_of(rows) == sum(weights)


def test_weighing_encodes_nothing() -> None:
    rows = unencoded(Note, NOTES)
    weight_of(rows)
    assert rows.unencoded is not None
