"""What a conversation is about, read from standard input; NumPy is all that it needs.

The records are sent as the columns that the model's metadata ask for, and the answers are compared
with those that the same records get as rows.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-12
_DTYPES = {"BYTES": "O", "BOOL": "?", "INT64": "<i8", "FP64": "<f8"}

Tensors = Mapping[str, tuple[str, list[int]]]
"""Name of an input → its datatype, and its shape with -1 for the number of rows."""


@dataclass(frozen=True)
class Wrong:
    """Records to be refused: `field` of the second."""

    records: list[dict[str, Any]]
    field: str


@dataclass(frozen=True)
class Said:
    """A model, records of it, and what it answers.

    Attributes:
        model: The model's name.
        records: Valid records.
        answers: What it answers to them.
        wrong: What it refuses.
    """

    model: str
    records: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    wrong: list[Wrong]

    @classmethod
    def read(cls) -> Self:
        """Reads it from standard input."""
        given = json.load(sys.stdin)
        given["wrong"] = [Wrong(**one) for one in given["wrong"]]
        return cls(**given)

    def write(self) -> str:
        """What `read` reads."""
        wrong = [vars(one) for one in self.wrong]
        return json.dumps(
            {one.name: getattr(self, one.name) for one in fields(self)} | {"wrong": wrong}
        )

    def expected(self, output: str, labels: str = "") -> NDArray[Any]:
        """Returns an output as the answers have it, shape `[N]` or `[N, k]`.

        Args:
            output: Its name.
            labels: The labels of its columns, as the metadata have them.
        """
        found = [answer[output] for answer in self.answers]
        if labels:
            found = [[one[label] for label in labels.split(",")] for one in found]
        return np.array(found)


def columns(tensors: Tensors, records: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Returns records as columns, those left out that they have not: shape `[N]` or `[N, k]`."""
    return {
        name: _column(datatype, shape, [record[name] for record in records])
        for name, (datatype, shape) in tensors.items()
        if name in records[0]
    }


def _column(datatype: str, shape: list[int], values: list[Any]) -> NDArray[Any]:
    if datatype == "BYTES":
        return np.array([(value or "").encode() for value in values], dtype=object)
    # Missing numbers are NaN.
    missing = [np.nan] * shape[1] if shape[1:] else np.nan
    given = [missing if value is None else value for value in values]
    return np.array(given, dtype=_DTYPES[datatype])


def same(given: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether an output is what was expected, but for the last bits of its numbers."""
    if given.dtype == object:
        # Bytes came as bytes, and JSON as text.
        texts = [one.decode() if isinstance(one, bytes) else one for one in given.ravel()]
        return given.shape == expected.shape and texts == expected.ravel().tolist()
    return given.shape == expected.shape and np.allclose(given, expected, rtol=0, atol=TOLERANCE)
