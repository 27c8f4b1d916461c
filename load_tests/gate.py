"""How often the gate is right: models whose order is known, on labelled rows drawn from real ones.

Fits of one recipe are compared on rows that none has learnt from, again and again. The one that
has learnt from all other rows is better than the one that has learnt from a small share of them.
Two are equal where lots decide for each row which of two fits answers it as which.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from framework.discovery import ModelNotFoundError, find_model
from framework.evaluation import Evaluation, numbers_of, of_answers
from framework.evaluation.base import ERRORS
from framework.fitting import Examples
from framework.model import Model
from framework.tasks import Multiclass
from load_tests import environment
from load_tests.data import rows_of
from load_tests.drift import page
from training.errors import TrainingError
from training.gate.comparison import compare
from training.pipeline import EVEN
from training.progress import bar
from training.rows import Rows

POOL = 0.4
"""Share of the rows that are drawn from; the others are learnt from."""

CHOSEN_BY = 0.2
"""Share of a fit's rows that it is chosen by."""

Answers = NDArray[np.float64]
Pair = Callable[[NDArray[np.intp]], tuple[Evaluation, Evaluation]]


@dataclass(frozen=True)
class _Card:
    """What an evaluation wants of a card."""

    classes: list[str]
    target: list[str]
    units: dict[str, str]
    threshold: float = EVEN


@dataclass(frozen=True)
class Trial:
    """Rows that no fit has learnt from, and the answers of each fit to them.

    Attributes:
        model: The model.
        pool: The rows.
        best: Answers of the fit that has learnt from all other rows.
        poor: Share of them that another fit has learnt from → its answers.
        halves: Of the two that have learnt from a half each.
    """

    model: Model[Any, Any]
    pool: Examples
    best: Answers
    poor: dict[float, Answers]
    halves: tuple[Answers, Answers]

    @classmethod
    def of(
        cls, model: Model[Any, Any], rows: Rows, shares: Sequence[float], rng: Generator
    ) -> "Trial":
        """Divides the rows and fits the models."""
        order = rng.permutation(len(rows))
        count = round(len(rows) * (1 - POOL))
        learnt, pool = rows.take(order[:count]), rows.take(order[count:]).examples(model)

        def answers(first: int, last: int) -> Answers:
            cut = last - round((last - first) * CHOSEN_BY)
            parts = (np.arange(first, cut), np.arange(cut, last))
            train, chosen_by = (learnt.take(part).examples(model) for part in parts)
            scores = model.scores(model.fit(train, chosen_by, 0, bar).estimator, pool.features)
            if isinstance(model.task, Multiclass):
                return scores
            return numbers_of(model.columns_of(scores, _card(model, pool)))

        half = count // 2
        halves = (answers(0, half), answers(half, count))
        poor = {share: answers(0, round(count * share)) for share in shares}
        return cls(model, pool, answers(0, count), poor, halves)

    def evaluation(self, answers: Answers, drawn: NDArray[np.intp]) -> Evaluation:
        """Returns what answers to some of the rows are worth."""
        slices = self.model.slices(self.pool.records.columns)
        target = self.pool.target[drawn]
        return of_answers(
            self.model.task,
            _card(self.model, self.pool),
            {name: np.asarray(rows)[drawn] for name, rows in slices.items()},
            target,
            answers,
            target.mean(axis=0),
        )

    def equal(self, rng: Generator, drawn: NDArray[np.intp]) -> tuple[Evaluation, Evaluation]:
        """Returns two evaluations of which neither is better, whatever the rows."""
        lots = rng.random(len(drawn)) < 0.5
        one, other = (answers[drawn] for answers in self.halves)
        lots = lots if one.ndim == 1 else lots[:, np.newaxis]
        mixed = np.where(lots, one, other), np.where(lots, other, one)
        return self.evaluation(mixed[0], drawn), self.evaluation(mixed[1], drawn)

    def pair(
        self, answers: Answers, champions: Answers, drawn: NDArray[np.intp]
    ) -> tuple[Evaluation, Evaluation]:
        """Returns the evaluations of two fits."""
        return self.evaluation(answers[drawn], drawn), self.evaluation(champions[drawn], drawn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.gate", description=__doc__)
    parser.add_argument("--data", metavar="NAME=FILE[,FILE]", required=True, help="labelled rows")
    parser.add_argument("--rows", type=int, default=1_000, help="of a draw (default %(default)s)")
    parser.add_argument("--draws", type=int, default=400, help="default %(default)s")
    parser.add_argument(
        "--share",
        type=float,
        nargs="+",
        default=[0.5, 0.1, 0.03],
        help="of the rows, that a worse one learns from (default %(default)s)",
    )
    options = parser.parse_args(arguments)
    name, _, paths = options.data.partition("=")
    try:
        model = find_model(name)
        rows = rows_of(model, paths.split(","))
    except (ModelNotFoundError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 2
    rng = np.random.default_rng(0)
    trial = Trial.of(model, rows, options.share, rng)
    print(table(trial, options.rows, options.draws, rng))
    print(f"\n{page.environment(environment.here('load_tests.gate'))}")
    return 0


def table(trial: Trial, rows: int, draws: int, rng: Generator) -> str:
    """Returns how often each challenger is promoted, as a table in Markdown.

    Args:
        trial: The fits.
        rows: Rows of a draw, which are drawn one by one from all, as a stream of labels would be.
        draws: Draws for each challenger.
        rng: Draws them.
    """
    count = len(trial.pool)
    pairs: dict[str, Pair] = {"equal": partial(trial.equal, rng)}
    for share, poor in trial.poor.items():
        pairs[f"worse: {share:.0%} of the rows learnt"] = partial(trial.pair, poor, trial.best)
        pairs[f"better than that with {share:.0%}"] = partial(trial.pair, trial.best, poor)
    metric = trial.evaluation(trial.best, np.arange(count)).judged[0]
    lines = [
        f"| {trial.model.name}: {rows:,} of {count:,} rows, {draws} draws | loss | champion's | "
        f"promoted by the gate | by {metric} |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, pair in pairs.items():
        found = [_compared(*pair(rng.integers(count, size=rows)), metric) for _ in range(draws)]
        loss, champions, gate, simple = np.mean(found, axis=0)
        lines.append(f"| {name} | {loss:.4f} | {champions:.4f} | {gate:.1%} | {simple:.1%} |")
    return "\n".join(lines)


def _compared(new: Evaluation, champion: Evaluation, metric: str) -> tuple[float, ...]:
    """Returns both losses, whether the gate promotes, and whether "no worse by a metric" does."""
    by_gate = all(check.passed for check in compare(new, champion, "").checks)
    everything = np.ones(len(new), dtype=np.bool_)
    value, other = (one.metrics(everything)[metric] for one in (new, champion))
    simple = value <= other if metric in ERRORS else value >= other
    return float(new.losses.mean()), float(champion.losses.mean()), by_gate, simple


def _card(model: Model[Any, Any], examples: Examples) -> Any:
    return _Card(list(examples.classes), model.target, model.task.units_of(model.answer))


if __name__ == "__main__":
    sys.exit(main())
