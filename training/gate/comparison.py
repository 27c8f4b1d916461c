"""Two models by their answers to the same rows: is one better, and is it nowhere worse?"""

from dataclasses import dataclass

import numpy as np

from framework.evaluation import Evaluation
from framework.evaluation.base import Flags
from framework.evaluation.paired import difference
from framework.gate import Check, Part

LEVEL = 0.025
"""Share of models as good as the champion that pass as better by chance: one side of 95 %."""

LEAST_ROWS, LEAST_SLICE_ROWS = 100, 30
"""Fewer rows are not judged: their mean is not normal enough for the interval."""

OVERALL = "overall"


@dataclass(frozen=True)
class Comparison:
    """What was found on some rows.

    Attributes:
        rows: How many they are.
        loss: What was compared, the smaller the better.
        parts: All rows, and each slice that has enough; none if the rows are too few.
        checks: Whether it is better, and no worse in any slice.
    """

    rows: int
    loss: str
    parts: list[Part]
    checks: list[Check]


def compare(evaluation: Evaluation, champions: Evaluation, champion: str) -> Comparison:
    """Compares two models by their answers to the same rows, `LEAST_ROWS` of them or more.

    Args:
        evaluation: The answers of the one that is to be better.
        champions: The champion's.
        champion: Its tag.
    """
    count, loss = len(evaluation), evaluation.loss
    sizes = {name: int(rows.sum()) for name, rows in evaluation.slices.items()}
    judged = [name for name, size in sizes.items() if size >= LEAST_SLICE_ROWS]
    # Of many slices one is worse by chance: together they are as sure as one would be alone.
    level = LEVEL / max(len(judged), 1)
    overall = _part(OVERALL, np.ones(count, dtype=np.bool_), evaluation, champions, LEVEL)
    slices = [_part(name, evaluation.slices[name], evaluation, champions, level) for name in judged]
    unjudged = sum(0 < size < LEAST_SLICE_ROWS for size in sizes.values())
    checks = [_better(overall, loss, champion), _no_worse(slices, unjudged)]
    return Comparison(count, loss, [overall, *slices], checks)


def too_few(rows: int, champion: str) -> Comparison:
    """Returns what is found on fewer rows."""
    sentence = (
        f"there are {rows:,} rows that neither it nor {champion} has learnt from, and at least "
        f"{LEAST_ROWS} are needed to tell which is better"
    )
    return Comparison(rows, "", [], [Check(name="better", passed=False, sentence=sentence)])


def _part(
    name: str, rows: Flags, evaluation: Evaluation, champions: Evaluation, level: float
) -> Part:
    losses, others = evaluation.losses[rows], champions.losses[rows]
    found = difference(losses, others)
    return Part(
        name=name,
        rows=found.rows,
        champion_loss=float(others.mean()),
        loss=float(losses.mean()),
        low=found.at_least(level),
        high=found.at_most(level),
    )


def _better(overall: Part, loss: str, champion: str) -> Check:
    gain = overall.champion_loss - overall.loss
    if overall.low > 0:
        verdict = f"better by {gain:.2g}, at least {overall.low:.2g} (95 % confidence)"
    elif gain > 0:
        verdict = f"better by {gain:.2g}, which may be chance (at least {overall.low:.2g}, 95 %)"
    else:
        verdict = "not better"
    sentence = (
        f"{verdict}: {loss} {overall.loss:.4g}, that of {champion} {overall.champion_loss:.4g}, "
        f"on {overall.rows:,} rows that neither has learnt from"
    )
    return Check(name="better", passed=overall.low > 0, sentence=sentence)


def _no_worse(slices: list[Part], unjudged: int) -> Check:
    worse = [part for part in slices if part.high < 0]
    few = f"; {unjudged} of fewer than {LEAST_SLICE_ROWS} rows not judged" if unjudged else ""
    if not worse:
        return Check(
            name="slices", passed=True, sentence=f"no worse in any of {len(slices)} slices{few}"
        )
    told = ", ".join(
        f"{part.name} ({part.loss:.4g} instead of {part.champion_loss:.4g} on {part.rows:,} rows)"
        for part in worse
    )
    return Check(name="slices", passed=False, sentence=f"worse in {told}{few}")
