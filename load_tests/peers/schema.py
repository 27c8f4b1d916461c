"""The record type and the encoder of a model, built from a description.

The environments of the peers lack what the service's own types import (BentoML above all), so a
file tells of them, and this is made of it: the same checks by the same pydantic.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, create_model

VARIABLE = "LOAD_TESTS_SCHEMA"
"""Environment variable with the path of the description, a JSON file.

It holds `path` (where requests go), `rows` (what they call their list of records) and `fields`,
each with `name`, `kind`, `nullable`, `categories` and `bounds`.
"""


class Schema:
    """What requests must look like, and how their records become a matrix.

    Attributes:
        path: Where requests go.
        request: Type of a request's body.
    """

    def __init__(self, description: dict[str, Any]) -> None:
        self.path: str = description["path"]
        self._rows: str = description["rows"]
        fields = description["fields"]
        self._codes = [
            (at, {value: code for code, value in enumerate(one["categories"])} | {None: None})
            for at, one in enumerate(fields)
            if one["categories"]
        ]
        strict = ConfigDict(strict=True, extra="forbid", frozen=True)
        columns: dict[str, Any] = {one["name"]: _annotated(one) for one in fields}
        record: Any = create_model("Record", __config__=strict, **columns)
        rows: dict[str, Any] = {self._rows: (list[record], Field(min_length=1))}
        self.request: type[BaseModel] = create_model("Request", **rows)

    @classmethod
    def read(cls) -> "Schema":
        """Reads the description that the environment names."""
        return cls(json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8")))

    def matrix(self, request: BaseModel) -> NDArray[np.float64]:
        """Encodes the records of a request, one row each; what is missing becomes NaN."""
        records: Sequence[BaseModel] = getattr(request, self._rows)
        values: list[Any] = []
        for record in records:
            values.extend(vars(record).values())
        width = len(values) // len(records)
        for column, codes in self._codes:
            values[column::width] = map(codes.__getitem__, values[column::width])
        return np.array(values, dtype=np.float64).reshape(-1, width)


def _annotated(field: dict[str, Any]) -> Any:
    kinds: dict[str, Any] = {"float": float, "int": int, "bool": bool}
    annotation = kinds.get(field["kind"]) or Literal[tuple(field["categories"])]
    if field["nullable"]:
        annotation = annotation | None
    return (annotation, Field(**field["bounds"]))
