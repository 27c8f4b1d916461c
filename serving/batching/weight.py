"""How much of a batch rows make up: as much as there are, and long texts more."""

from collections.abc import Collection, Sequence
from typing import Any

from framework import Records
from serving.batching.computation import Chunk

CHARACTERS = 20
"""So many characters of a text weigh as much as a row."""


def weight_of(chunk: Chunk) -> int:
    """Returns the weight of some rows: their number where none has a long text.

    What a row costs grows with its texts, which are known of `Records` and of rows that are texts
    themselves. Any other row weighs one.
    """
    weight = len(chunk)
    for texts in _columns(chunk):
        weight += sum([len(text) // CHARACTERS for text in texts if text])
    return weight


def weights_of(chunk: Chunk) -> list[int]:
    """Returns the weight of each row; their sum is the weight of all."""
    weights = [1] * len(chunk)
    for texts in _columns(chunk):
        for row, text in enumerate(texts):
            weights[row] += len(text) // CHARACTERS if text else 0
    return weights


def _columns(chunk: Chunk) -> Collection[Sequence[Any]]:
    """The columns of texts."""
    if type(chunk) is Records:
        return chunk.text_columns if chunk.encoder.texts else ()
    return (chunk,) if len(chunk) and type(chunk[0]) is str else ()
