"""The reference that a card keeps: what held-out rows, and the answers to them, look like."""

from typing import Any, cast

from framework import watched
from framework.answers import Answers
from framework.bundle import Bundle
from framework.fitting import Examples
from framework.reference import Reference, bins_of


def reference_of(bundle: Bundle[Any, Any], test: Examples, learnt: Examples | None) -> Reference:
    """Counts held-out rows and the answers to them.

    Args:
        bundle: What answers.
        test: The rows.
        learnt: Those that it was fitted on, whose words are then known to it; if nobody knows
            them, no share of unknown words is watched.
    """
    model, card = bundle.model, bundle.card
    words = {}
    if learnt is not None:
        texts = learnt.records.texts
        words = {name: watched.words_of(texts[name]) for name in model.encoder.texts}
    # `Records` get `Answers`; see `Bundle.predict`.
    answers = cast(Answers[Any], bundle.predict(test.records))
    features = watched.of_records(model, test.records, words)
    answered = watched.of_answers(model.answer, answers.columns, card.classes)
    return Reference(
        rows=len(test),
        features={name: bins_of(column) for name, column in features.items()},
        answers={name: bins_of(column) for name, column in answered.items()},
        words=words,
    )
