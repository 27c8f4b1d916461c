"""What a run hands over to be reported and stored, and how it is measured."""

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framework.bundle import Bundle
from framework.card import DataSummary, GoldenExample, ModelCard
from framework.evaluation import Evaluation, evaluate
from framework.fitting import Examples, Fitted
from framework.gate import GateReport
from framework.model import Model
from training import profile
from training.data import Origin
from training.gate.candidate import Candidate, Champion
from training.gate.judge import judge
from training.learnt import Hashes
from training.reference import reference_of
from training.rows import Rows, plain

# Golden examples with a missing value, at least, where there are such rows.
GOLDEN_MISSING = 2


@dataclass(frozen=True)
class Trained:
    """A model that has been fitted and measured, and is not stored yet.

    Attributes:
        card: Its finished card.
        fitted: Its files, and what the fit has to tell.
        evaluation: The held-out rows and what the model answered to them.
        notes: Sentences about the data and the fit that the report should tell.
        learnt: Hashes of the records that it was fitted on or chosen by, if they are known.
        gate: How it compares with the champion, if there is one.
    """

    card: ModelCard
    fitted: Fitted
    evaluation: Evaluation
    notes: list[str]
    learnt: Hashes | None = None
    gate: GateReport | None = None

    def against_champion(
        self,
        model: Model[Any, Any],
        tag: str,
        champion: Champion | None,
        origin: Origin,
        test: Rows,
    ) -> Self:
        """Returns the same with the report of the gate, if there is a champion.

        Args:
            model: The model.
            tag: Tag that it will be stored under.
            champion: The champion.
            origin: Where the test rows came from.
            test: Rows that it was measured on.
        """
        if champion is None:
            return self
        bundle = Bundle(model, tag, self.card, self.fitted.estimator)
        size = sum(map(len, self.fitted.files.values()))
        return replace(
            self, gate=judge(model, Candidate(bundle, self.learnt, size), champion, origin, test)
        )


def measured(
    model: Model[Any, Any],
    fitted: Fitted,
    test: Examples,
    *,
    tag: str,
    reference: Examples,
    learnt: Hashes | None,
    data: DataSummary,
    seed: int,
    threshold: float | None,
    parameters: dict[str, Any],
    notes: Sequence[str],
) -> Trained:
    """Measures a fitted model by what will serve it, and completes its card.

    Args:
        model: The model.
        fitted: What was fitted, or brought along.
        test: Rows to measure it on.
        tag: Tag it will be stored under.
        reference: Rows whose distributions the card keeps.
        learnt: Hashes of the records that it has learnt from, the reference among them; None if
            nobody knows what it has learnt from.
        data: Where the rows came from.
        seed: Seed of the splits and the fit.
        threshold: Decision threshold, if the task has one.
        parameters: For the card, beside those of the fit.
        notes: Sentences about the data.

    Raises:
        ValueError: The estimator cannot answer the rows.
    """
    fields: dict[str, Any] = {
        "framework": model.framework,
        "versions": versions([model.framework, *model.libraries]),
        "task": model.task.kind,
        "target": model.target,
        "outputs": list(model.answer.model_fields),
        "units": model.task.units_of(model.answer),
        "data": data,
        "seed": seed,
        "git_commit": git_commit(),
        "features": model.feature_names,
        "categories": {
            name: [str(value) for value in values]
            for name, values in model.encoder.categories.items()
        },
        "classes": list(test.classes),
        "threshold": threshold,
        "parameters": fitted.parameters | parameters,
        "profile": profile.of_features(model, reference),
        "target_profile": profile.of_target(model.target, reference),
    }
    # Answering wants a card, and the card wants what is answered: hence the draft.
    draft = ModelCard.model_construct(**fields)
    known = None if learnt is None else reference
    targets = None if known is None else known.target
    evaluation = evaluate(model, draft, fitted.estimator, test, targets)
    bundle = Bundle(model, tag, draft, fitted.estimator)
    card = ModelCard(
        **fields,
        performance=evaluation.performance(),
        reference=reference_of(bundle, test, known),
        golden=_golden(bundle, test, evaluation.varied_rows()),
    )
    return Trained(card, fitted, evaluation, [*notes, *fitted.notes], learnt)


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


def _golden(bundle: Bundle[Any, Any], test: Examples, varied: list[int]) -> list[GoldenExample]:
    incomplete = _incomplete(test.records)
    wanted = max(0, GOLDEN_MISSING - int(incomplete[varied].sum()))
    further = [row for row in np.flatnonzero(incomplete).tolist() if row not in varied]
    # Through JSON and back, as records reach the server.
    sent = [plain(test.records, row) for row in [*varied, *further[:wanted]]]
    record = bundle.model.record
    answers = bundle.predict([record.model_validate_json(json.dumps(one)) for one in sent])
    return [
        GoldenExample(record=one, prediction=answer.model_dump(mode="json"))
        for one, answer in zip(sent, answers, strict=True)
    ]


def _incomplete(records: Any) -> NDArray[np.bool_]:
    """Which records lack a value."""
    incomplete: NDArray[np.bool_] = np.isnan(records.matrix).any(axis=1)
    for texts in records.texts.values():
        incomplete |= np.array([text is None for text in texts])
    return incomplete
