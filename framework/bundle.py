"""A stored model, loaded and trusted: what answers."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Self, cast

import bentoml
from pydantic import BaseModel

from framework.answers import Answers, AnswerT
from framework.card import CARD_FILE, ModelCard
from framework.computation import Computation
from framework.integrity import require_files
from framework.model import Model
from framework.records import Records, RecordT
from framework.refusal import ModelRefusedError

# Golden examples were computed by the same code on the same numbers: only the last bits of a
# double may differ, between processors.
GOLDEN_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Bundle(Generic[RecordT, AnswerT]):
    """One stored model: its definition, its card and its estimator.

    Attributes:
        model: The definition.
        tag: Exact tag in the BentoML store.
        card: What training knows of it.
        estimator: What computes; the recipe knows its type.
        created: When it was stored; None before.
    """

    model: Model[RecordT, AnswerT]
    tag: str
    card: ModelCard
    estimator: Any
    created: datetime | None = None

    @classmethod
    def load(cls, model: Model[RecordT, AnswerT], stored: bentoml.Model) -> Self:
        """Loads a stored model whose files are as stored, and checks its golden examples.

        Raises:
            ModelRefusedError: It must not be served; the message says why and what to do.
        """
        card = ModelCard.read(stored)
        require_files(stored, CARD_FILE, card.files)
        categories = {
            name: [str(value) for value in values]
            for name, values in model.encoder.categories.items()
        }
        card.require_compatible(stored.tag, model.feature_names, categories)
        try:
            estimator = model.load(stored.path_of, card)
            bundle = cls(model, str(stored.tag), card, estimator, stored.creation_time)
            bundle.require_golden()
        except ModelRefusedError:
            raise
        # Files that no hash vouches for may hold anything, and each library has its own errors.
        except Exception as error:
            first_line = str(error).strip().partition("\n")[0]
            raise ModelRefusedError(
                f"Model {stored.tag} cannot be loaded ({type(error).__name__}: {first_line}); "
                f"retrain with `python -m training {model.name}`."
            ) from error
        return bundle

    @property
    def computation(self) -> Computation:
        """What computes its answers."""
        return self.model.computation(self.estimator)

    @property
    def version(self) -> str:
        """Version part of the tag."""
        return self.tag.partition(":")[2]

    @cached_property
    def labels(self) -> dict[str, Sequence[str]]:
        """Field of an answer that is a mapping → its keys, in order."""
        return self.model.task.answer_labels(self.model.answer, self.card)

    def predict(self, records: Sequence[RecordT]) -> list[AnswerT]:
        """Answers records, one answer each, in order.

        A list gets a list. The `Records` of a batch get `Answers`: columns that become objects
        when looked at, and stand for the list that a service's method declares.
        """
        if type(records) is Records:
            return cast(list[AnswerT], self._answers(records))
        return list(self._answers(self.model.encoder.from_records(records)))

    def explain(self, records: Sequence[RecordT]) -> list[Any]:
        """Explains the answers to records, one explanation each, in order.

        Raises:
            NotImplementedError: The model has no explanations.
        """
        if not isinstance(records, Records):
            records = self.model.encoder.from_records(records)
        return self.model.explain(self, records)

    def require_golden(self) -> None:
        """Checks that the golden examples of the card are reproduced.

        Raises:
            ModelRefusedError: A prediction differs; the message names the example and both values.
        """
        golden = self.card.golden
        # As JSON, in which a list also stands for a tuple.
        validate = self.model.record.model_validate_json
        records = [validate(json.dumps(example.record)) for example in golden]
        for index, (example, prediction) in enumerate(
            zip(golden, self.predict(records), strict=True)
        ):
            expected, actual = example.prediction, prediction.model_dump(mode="json")
            if not _close(expected, actual):
                raise ModelRefusedError(
                    f"Model {self.tag} does not reproduce golden example {index}: "
                    f"expected {expected}, got {actual}. The stored files or the libraries have "
                    f"changed since training; retrain with `python -m training {self.model.name}`."
                )

    def _answers(self, records: Records[RecordT]) -> Answers[AnswerT]:
        model = self.model
        scores = model.scores(self.estimator, model.features(records))
        return Answers(model.answer, model.columns_of(scores, self.card), self.labels)


def explained(
    answers: Sequence[BaseModel], explanation: type[BaseModel], parts: Sequence[dict[str, Any]]
) -> list[BaseModel]:
    """Makes explanations of answers and what explains them.

    Args:
        answers: Their fields that the explanation has too are taken over.
        explanation: Type of an explanation.
        parts: Its other fields, one dictionary for each answer.
    """
    shared = explanation.model_fields.keys() & type(answers[0]).model_fields.keys()
    return [
        explanation.model_validate({**answer.model_dump(include=set(shared)), **part})
        for answer, part in zip(answers, parts, strict=True)
    ]


def _close(expected: object, actual: object) -> bool:
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            _close(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(_close, expected, actual))
    if isinstance(expected, float) and isinstance(actual, float):
        return math.isclose(expected, actual, rel_tol=GOLDEN_TOLERANCE, abs_tol=GOLDEN_TOLERANCE)
    return expected == actual
