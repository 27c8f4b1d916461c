"""The right answers: what the libraries themselves say about the same rows."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import bentoml
import numpy as np
from bentoml.exceptions import NotFound
from numpy.typing import NDArray

from framework import Answers, ModelCard, Records
from framework.fields import FieldSpec
from load_tests.data import Data
from load_tests.library import library, model_files
from load_tests.roles import MODELS, PRIMARY, AnyModel

TOLERANCE = 1e-9

Rows = Sequence[dict[str, Any]]


class WrongAnswerError(Exception):
    """A system gave another answer than the library."""


class Expected:
    """One model of the store, asked directly: no server, no schema, no encoder.

    Args:
        model: Its definition.
        stored: What the store has of it.
    """

    def __init__(self, model: AnyModel, stored: bentoml.Model) -> None:
        self.model = model
        self.tag = str(stored.tag)
        self.card = ModelCard.read(stored)
        self.files = model_files(stored)
        self._library = library(model, stored)

    def features(self, rows: Rows) -> NDArray[Any]:
        """The feature matrix of the rows, each value put in its place one by one."""
        fields = self.model.encoder.fields
        numbers = [[number for one in fields for number in _numbers(one, row)] for row in rows]
        matrix = np.array(numbers, dtype=np.float64).reshape(len(rows), -1)
        texts = {name: [row.get(name) for row in rows] for name in self.model.encoder.texts}
        return self.model.features(Records(self.model.encoder, matrix, texts))

    def scores(self, features: NDArray[Any]) -> NDArray[Any]:
        """The library's own predictions for a feature matrix, on one thread."""
        return self._library(features)

    def answers(self, rows: Rows) -> Answers[Any]:
        """The right answers to the rows."""
        model = self.model
        columns = model.columns_of(self.scores(self.features(rows)), self.card)
        labels = model.task.answer_labels(model.answer, self.card)
        return Answers(model.answer, columns, labels)

    def check(self, rows: Rows, answers: Any) -> None:
        """Compares answers, as JSON has them, with the right ones.

        Raises:
            WrongAnswerError: They differ.
        """
        _require_same(self.answers(rows).dicts(), answers, "the answer")

    def check_scores(self, rows: Rows, scores: Any) -> None:
        """Compares bare predictions, in one list or several, with the library's.

        Raises:
            WrongAnswerError: They differ.
        """
        expected = self.scores(self.features(rows))
        actual = np.asarray(scores, dtype=np.float64)
        if actual.size != expected.size:
            raise WrongAnswerError(f"{actual.size} numbers instead of {expected.size}")
        if not np.allclose(actual.ravel(), expected.ravel(), rtol=TOLERANCE, atol=TOLERANCE):
            difference = np.abs(actual.ravel() - expected.ravel()).max()
            raise WrongAnswerError(f"a prediction is off by {difference:.3g}")


class Reference:
    """What is right, for every model.

    Args:
        data: The rows of each model, for what systems fit for themselves.

    Raises:
        SystemExit: The store lacks a model.
    """

    def __init__(self, data: Mapping[str, Data]) -> None:
        stored = {name: _stored(name) for name in MODELS}
        self.models = {name: Expected(MODELS[name], one) for name, one in stored.items()}
        self._data = data[PRIMARY.name]

    def __getitem__(self, name: str) -> Expected:
        return self.models[name]

    @property
    def tags(self) -> dict[str, str]:
        """Environment variables that name the exact models."""
        return {f"{name.upper()}_MODEL": one.tag for name, one in self.models.items()}

    def check_guide(self, rows: Rows, answer: Any) -> None:
        """Compares an answer of `fastapi-guide` with its own model, fitted once more here.

        Raises:
            WrongAnswerError: They differ.
        """
        import pandas as pd

        expected = self._guide.predict(pd.DataFrame(list(rows)))
        _require_same({"prediction": expected}, answer, "the answer")

    @cached_property
    def _guide(self) -> Any:
        from load_tests.systems.guide_model import GuideModel

        return GuideModel(PRIMARY, self._data.rows, self._data.target)


def _stored(name: str) -> bentoml.Model:
    try:
        return bentoml.models.get(f"{name}:latest")
    except NotFound:
        raise SystemExit(
            f"The BentoML store (BENTOML_HOME names it) has no model {name}: run "
            f"`python -m training {name}` first, or `make train` for all models."
        ) from None


def _numbers(spec: FieldSpec, row: Mapping[str, Any]) -> list[float]:
    """Returns the columns of one field of one row, in the matrix."""
    value = row.get(spec.name, spec.default)
    if value is None:
        return [math.nan] * spec.width
    if spec.kind == "text":
        return []
    if spec.kind == "category":
        return [float(spec.categories.index(value))]
    return [float(one) for one in value] if spec.length else [float(value)]


def _require_same(expected: Any, actual: Any, place: str) -> None:
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            raise WrongAnswerError(f"{place} has {sorted(actual)} instead of {sorted(expected)}")
        for key, value in expected.items():
            _require_same(value, actual[key], f"`{key}`")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            raise WrongAnswerError(f"{place} has {len(actual)} values instead of {len(expected)}")
        for value, other in zip(expected, actual, strict=True):
            _require_same(value, other, place)
    elif isinstance(expected, float) and isinstance(actual, float | int):
        if not math.isclose(expected, actual, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            raise WrongAnswerError(f"{place} is {actual} instead of {expected}")
    elif expected != actual or type(expected) is not type(actual):
        raise WrongAnswerError(f"{place} is {actual!r} instead of {expected!r}")
