"""What a trainer hands over to be reported and stored, and the steps both trainers share."""

import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from models.card import GoldenExample, ModelCard
from models.predictor import Predictor
from training.evaluation import Evaluation

Ranking = list[tuple[str, float]]


@dataclass(frozen=True)
class Trained:
    """A model that has been fitted and measured, and is not stored yet.

    Attributes:
        card: Its finished card.
        files: File name → content of the framework's own files.
        evaluation: The held-out rows and what the model said about them.
        rankings_title: What `rankings` shows.
        rankings: Group (a class, or empty) → features with their weight, largest first.
        notes: Sentences about the data that the report should tell.
    """

    card: ModelCard
    files: dict[str, bytes]
    evaluation: Evaluation
    rankings_title: str
    rankings: dict[str, Ranking]
    notes: list[str]


def measured(
    fields: dict[str, Any],
    load: Callable[[ModelCard], Predictor[Any, Any]],
    evaluate: Callable[[Any], Evaluation],
    record: Callable[[int], BaseModel],
) -> tuple[ModelCard, Evaluation]:
    """Measures a fitted model through its predictor, and completes its card.

    Args:
        fields: The fields of the card, except those that are measured here.
        load: Makes the predictor that will serve the model, from its stored form.
        evaluate: Applies the predictor to the held-out rows.
        record: Returns a held-out row as the record a client would send.
    """
    # A predictor wants a card, and the card wants what the predictor says: hence the draft.
    predictor = load(ModelCard.model_construct(**fields))
    evaluation = evaluate(predictor)
    # Through JSON and back, as records reach the server.
    sent = [record(row).model_dump(mode="json") for row in evaluation.varied_rows()]
    predictions = predictor.predict([predictor.record_type.model_validate(one) for one in sent])
    golden = [
        GoldenExample(record=one, prediction=prediction.model_dump(mode="json"))
        for one, prediction in zip(sent, predictions, strict=True)
    ]
    return ModelCard(**fields, performance=evaluation.performance(), golden=golden), evaluation


def versions(distributions: Sequence[str]) -> dict[str, str]:
    """Returns the versions of Python and of installed distributions."""
    return {"python": platform.python_version()} | {name: version(name) for name in distributions}


def git_commit() -> str | None:
    """Returns the commit that the training code is at, if it is in a git repository."""
    try:
        completed = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - git is wherever the person has it
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip() or None
