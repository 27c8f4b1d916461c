"""The kinds of question a model answers, as far as serving goes.

A task turns what an estimator computes (its *scores*) into the fields of an answer. The other half
of the task, its metrics and plots, is in `framework.evaluation`: a worker must not load it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from framework.answers import AnswerField, answer_fields
from framework.card import ModelCard
from framework.fields import FieldError

Scores = NDArray[np.float64]


class Task(ABC):
    """What kind of question a model answers."""

    kind: ClassVar[str]
    """Its name in the card."""

    @abstractmethod
    def check(self, answer: type[BaseModel], targets: Sequence[str]) -> None:
        """Makes sure that an answer type can hold this task's outputs.

        Args:
            answer: Type of an answer.
            targets: Columns that the model learns to tell.

        Raises:
            FieldError: It cannot, or there should be another number of targets; the message says
                what is wanted.
        """

    @abstractmethod
    def columns(
        self, answer: type[BaseModel], scores: Scores, card: ModelCard
    ) -> dict[str, NDArray[Any]]:
        """Turns scores into the fields of the answers.

        Args:
            answer: Type of an answer, which `check` has accepted.
            scores: What the estimator computed, one row per record.
            card: The stored model's card.
        """

    def answer_labels(self, answer: type[BaseModel], card: ModelCard) -> dict[str, Sequence[str]]:
        """Returns, for each field of an answer that is a mapping, its keys in order."""
        return {}

    def units_of(self, answer: type[BaseModel]) -> dict[str, str]:
        """Returns the fields of an answer that have a unit."""
        return {}


@dataclass(frozen=True)
class Binary(Task):
    """Yes or no. Scores: the probability of yes, shape `[N]`.

    An answer has one `float`, the probability of the second class, and may have one `bool`,
    whether it reaches the decision threshold.

    Attributes:
        classes: Names of the two classes; the second is the one the probability speaks of.
        labels: Their values in the target column, in the same order.
        threshold: Decision threshold; if not given, training chooses the one of the best F1.
    """

    kind: ClassVar[str] = "binary"
    classes: tuple[str, str] = ("no", "yes")
    labels: tuple[str | int, str | int] = (0, 1)
    threshold: float | None = None

    def check(self, answer: type[BaseModel], targets: Sequence[str]) -> None:
        """See `Task`."""
        _require_one(self, targets)
        if not _are(answer_fields(answer), float=1, bool=(0, 1)):
            raise _unfit(answer, self, "one float (the probability) and at most one bool")

    def columns(
        self, answer: type[BaseModel], scores: Scores, card: ModelCard
    ) -> dict[str, NDArray[Any]]:
        """See `Task`."""
        threshold = 0.5 if card.threshold is None else card.threshold
        return {
            one.name: scores if one.kind == "float" else scores >= threshold
            for one in answer_fields(answer)
        }


@dataclass(frozen=True)
class Multiclass(Task):
    """One of several classes. Scores: their probabilities, shape `[N, classes]`.

    An answer has the most probable class (a text or a whole number) and may have its probability
    (a `float`) and those of all classes (a `dict[str, float]`).

    Attributes:
        classes: The classes, in order; those of the training data, sorted, if not given.
    """

    kind: ClassVar[str] = "multiclass"
    classes: tuple[str, ...] = ()

    def check(self, answer: type[BaseModel], targets: Sequence[str]) -> None:
        """See `Task`."""
        _require_one(self, targets)
        fields = answer_fields(answer)
        labelled = [one for one in fields if one.shape == "labelled" and one.kind == "float"]
        named = [one for one in fields if one.shape == "single" and one.kind in ("text", "int")]
        rest = [one for one in fields if one not in labelled and one not in named]
        if len(labelled) > 1 or len(named) != 1 or not _are(rest, float=(0, 1)):
            raise _unfit(
                answer,
                self,
                "one text or whole number (the class), at most one float (its probability) and at "
                "most one dict[str, float] (those of all classes)",
            )

    def columns(
        self, answer: type[BaseModel], scores: Scores, card: ModelCard
    ) -> dict[str, NDArray[Any]]:
        """See `Task`."""
        best = scores.argmax(axis=1)
        found: dict[str, NDArray[Any]] = {}
        for one in answer_fields(answer):
            if one.shape == "labelled":
                found[one.name] = scores
            elif one.kind == "float":
                found[one.name] = scores[np.arange(len(best)), best]
            else:
                classes: list[Any] = list(card.classes)
                if one.kind == "int":
                    found[one.name] = np.array([int(name) for name in classes])[best]
                else:
                    found[one.name] = np.array(classes, dtype=object)[best]
        return found

    def answer_labels(self, answer: type[BaseModel], card: ModelCard) -> dict[str, Sequence[str]]:
        """See `Task`."""
        return {one.name: card.classes for one in answer_fields(answer) if one.shape == "labelled"}


@dataclass(frozen=True)
class Regression(Task):
    """How much. Scores: the value, shape `[N]`; an answer has one `float`.

    Attributes:
        unit: Unit of the value, for people.
    """

    kind: ClassVar[str] = "regression"
    unit: str = ""

    def check(self, answer: type[BaseModel], targets: Sequence[str]) -> None:
        """See `Task`."""
        _require_one(self, targets)
        if not _are(answer_fields(answer), float=1):
            raise _unfit(answer, self, "one float")

    def columns(
        self, answer: type[BaseModel], scores: Scores, card: ModelCard
    ) -> dict[str, NDArray[Any]]:
        """See `Task`."""
        (one,) = answer_fields(answer)
        return {one.name: scores}

    def units_of(self, answer: type[BaseModel]) -> dict[str, str]:
        """See `Task`."""
        return {answer_fields(answer)[0].name: self.unit} if self.unit else {}


@dataclass(frozen=True)
class MultiOutput(Task):
    """Several numbers at once. Scores: the values, shape `[N, outputs]`.

    An answer has a `float` for each target, in the order of the targets, or one `list[float]`.

    Attributes:
        units: Target → its unit, for people.
    """

    kind: ClassVar[str] = "multi_output"
    units: Mapping[str, str] = field(default_factory=dict)

    def check(self, answer: type[BaseModel], targets: Sequence[str]) -> None:
        """See `Task`."""
        if len(targets) < 2:
            raise FieldError(f"A MultiOutput model should have several targets, not {targets}.")
        fields, count = answer_fields(answer), len(targets)
        is_list = len(fields) == 1 and fields[0].shape == "list" and fields[0].kind == "float"
        if not _are(fields, float=count) and not (is_list and fields[0].length in (None, count)):
            raise _unfit(
                answer, self, f"a float for each of the {count} targets, or one list of {count}"
            )

    def columns(
        self, answer: type[BaseModel], scores: Scores, card: ModelCard
    ) -> dict[str, NDArray[Any]]:
        """See `Task`."""
        fields = answer_fields(answer)
        if fields[0].shape == "list":
            return {fields[0].name: scores}
        return {one.name: scores[:, index] for index, one in enumerate(fields)}

    def units_of(self, answer: type[BaseModel]) -> dict[str, str]:
        """See `Task`."""
        return dict(self.units)


def _are(fields: Sequence[AnswerField], **kinds: int | tuple[int, int]) -> bool:
    """Whether the fields are single values, of each kind as many as said, and of no other."""
    if any(one.shape != "single" for one in fields) or {one.kind for one in fields} - set(kinds):
        return False
    for kind, wanted in kinds.items():
        low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        if not low <= sum(one.kind == kind for one in fields) <= high:
            return False
    return True


def _require_one(task: Task, targets: Sequence[str]) -> None:
    if len(targets) != 1:
        raise FieldError(f"A {type(task).__name__} model should have one target, not {targets}.")


def _unfit(answer: type[BaseModel], task: Task, wanted: str) -> FieldError:
    return FieldError(
        f"{answer.__name__}: the answer of a {type(task).__name__} model should have {wanted}."
    )
