"""Divisions of the rows, and what is found in windows of rows that no model has seen."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.random import Generator

from framework.answers import Answers
from framework.bundle import Bundle
from framework.card import DataSummary
from framework.model import Model
from load_tests.drift.shifts import Shift, drawn
from monitoring.drift.verdict import Window, judge, state_of
from monitoring.drift.windows import DEFAULT_SIZES, new_windows
from monitoring.observed import Observed, Position
from monitoring.performance.measures import measures
from monitoring.performance.truth import Labelled
from training.learnt import hashes_of
from training.pipeline import EVEN
from training.progress import bar
from training.result import measured
from training.rows import Rows

TRAINED, REFERENCE = 1 / 3, 1 / 5
"""Shares of the rows that fit a model, and that its card counts."""


@dataclass(frozen=True)
class Trial:
    """One division of the rows.

    Attributes:
        bundle: The model that was fitted, with its card.
        pool: Rows that it has seen nothing of.
        rng: Draws windows.
    """

    bundle: Bundle[Any, Any]
    pool: Rows
    rng: Generator

    def observed(self, rows: Rows) -> Observed:
        """Has the model answer rows, as if they were of a record."""
        answers = cast(Answers[Any], self.bundle.predict(rows.records))
        positions = [Position(at, "", at) for at in range(len(rows))]
        bundle = self.bundle
        return Observed(
            bundle.model, bundle.card, rows.records, dict(answers.columns), positions, frozenset()
        )

    def drifts(self, rows: Rows) -> bool:
        """Whether a window of these rows drifts."""
        reference = self.bundle.card.reference
        assert reference is not None
        return bool(judge(self.observed(rows), reference).drifted)

    def alarms_of_repeats(self, distinct: int, times: int) -> bool:
        """Whether the same few requests, again and again, are an alarm.

        They are looked at after each round, as a check that runs by the hour would.
        """
        reference = self.bundle.card.reference
        assert reference is not None
        once = self.observed(drawn(self.pool, distinct, self.rng))
        windows: list[Window] = []
        known: list[int] = []
        for time in range(1, times + 1):
            places = list(range(distinct)) * time
            positions = [Position(at, "", at) for at in range(len(places))]
            rows = replace(once.take(places), positions=positions)
            fresh, _ = new_windows(rows, windows[-1] if windows else None, known, DEFAULT_SIZES)
            windows += [judge(window, reference) for window in fresh]
            known = fresh[-1].hashes() if fresh else known
        return state_of(windows) == "alarm"

    def is_worse(self, rows: Rows) -> bool:
        """Whether the model, told the truth of these rows, is called worse than its card."""
        known = Labelled(self.observed(rows), rows.target, np.zeros(len(rows)), 0, 0)
        return any(one.worse for one in measures(known))


@dataclass
class Outcome:
    """What was found in windows of one size.

    Attributes:
        size: Rows of a window.
        windows: Windows without any change, of each trial.
        false_alarms: For each trial, how many of these drift.
        pairs: How often two of them, without a row in common, both drift.
        found: Shift → whether its windows drift.
    """

    size: int
    windows: int
    false_alarms: list[int] = field(default_factory=list)
    pairs: int = 0
    found: dict[str, list[bool]] = field(default_factory=dict)

    @property
    def shares(self) -> list[float]:
        """For each trial, the share of its windows without any change that drift."""
        return [count / self.windows for count in self.false_alarms]

    @property
    def pair_count(self) -> int:
        """How many pairs of such windows there are."""
        return self.windows // 2 * len(self.false_alarms)


@dataclass
class Further:
    """What else was tried, once or a few times in each trial.

    Attributes:
        repeated: Whether a few requests, sent again and again, are an alarm.
        worse: Whether a model that is as good as ever is called worse, with labels for all rows.
    """

    repeated: list[bool] = field(default_factory=list)
    worse: list[bool] = field(default_factory=list)


def trials(model: Model[Any, Any], rows: Rows, count: int) -> Iterator[Trial]:
    """Divides the rows again and again, and fits a model each time."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(rows))
        first, second = round(len(rows) * TRAINED), round(len(rows) * (TRAINED + REFERENCE))
        yield Trial(
            _fitted(model, rows.take(order[:first]), rows.take(order[first:second])),
            rows.take(order[second:]),
            rng,
        )


def _fitted(model: Model[Any, Any], train: Rows, test: Rows) -> Bundle[Any, Any]:
    examples = train.examples(model)
    tested = test.examples(model)
    fitted = model.fit(examples, examples if model.validation_share else None, 0, bar)
    counts = {"train_rows": len(train), "validation_rows": 0, "test_rows": len(test)}
    both = len(train) + len(test)
    data = DataSummary(source="", kind="file", sha256="", rows=both, distinct_rows=both, **counts)
    is_binary = model.task.kind == "binary"
    trained = measured(
        model,
        fitted,
        tested,
        tag=f"{model.name}:trial",
        reference=examples,
        learnt=hashes_of(examples.records),
        data=data,
        seed=0,
        threshold=EVEN if is_binary else None,
        parameters={},
        notes=[],
    )
    return Bundle(model, f"{model.name}:trial", trained.card, fitted.estimator)


def watch(trial: Trial, outcome: Outcome, shifts: list[Shift], shifted: int) -> None:
    """Adds what is found in the windows of one trial.

    Args:
        trial: The trial.
        outcome: What has been found so far.
        shifts: Kinds of change.
        shifted: Windows of each.
    """
    alarms = 0
    for _ in range(outcome.windows // 2):
        both = drawn(trial.pool, 2 * outcome.size, trial.rng)
        halves = [np.arange(outcome.size), np.arange(outcome.size, 2 * outcome.size)]
        drifted = [trial.drifts(both.take(half)) for half in halves]
        alarms += sum(drifted)
        outcome.pairs += all(drifted)
    outcome.false_alarms.append(alarms)
    for shift in shifts:
        found = outcome.found.setdefault(shift.name, [])
        found += [
            trial.drifts(shift.draw(trial.pool, outcome.size, trial.rng)) for _ in range(shifted)
        ]
