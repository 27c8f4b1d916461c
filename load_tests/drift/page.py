"""What was found, as a part of a page."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from load_tests.drift.trials import Further, Outcome

BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"


def put(page: str, part: str) -> str:
    """Puts a part between its marks in a page.

    Raises:
        ValueError: The page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


def environment(facts: Mapping[str, str]) -> str:
    """Tells where and when that was."""
    return "\n".join(["| run | |", "| --- | --- |", *(_line(*one) for one in facts.items())])


def of_model(title: str, outcomes: Sequence[Outcome], further: Further) -> str:
    """Tells what was found of one model."""
    shares = [np.array(outcome.shares) for outcome in outcomes]
    lines = [
        f"**{title}**; share of the windows that drift:",
        "",
        _line("", *(f"{outcome.size:,} rows" for outcome in outcomes)),
        _line(*["---"] * (1 + len(outcomes))),
        _line("no change", *(f"{share.mean():.1%}" for share in shares)),
        _line("… in the luckiest and the unluckiest division", *map(_range, shares)),
        _line("… in two of two disjoint ones: a false alarm", *map(_pairs, outcomes)),
    ]
    lines += [
        _line(shift, *(f"{np.mean(one.found[shift]):.0%}" for one in outcomes))
        for shift in outcomes[0].found
    ]
    repeated, worse = further.repeated, further.worse
    lines += [
        "",
        f"The same few requests, sent five times, were an alarm {sum(repeated)} of "
        f"{len(repeated)} times. With labels for all rows of {outcomes[-1].size:,}, a model as "
        f"good as ever was called worse {sum(worse)} of {len(worse)} times.",
    ]
    return "\n".join(lines)


def _range(shares: NDArray[np.float64]) -> str:
    return f"{shares.min():.0%} to {shares.max():.0%}"


def _pairs(outcome: Outcome) -> str:
    return f"{outcome.pairs / outcome.pair_count:.1%}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
