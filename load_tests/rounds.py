"""Systems under the same load in turn: what one costs beside another, round by round.

One row a request. A ratio is taken within a round, because the machine is not as fast in all.
"""

import argparse
from functools import partial

from load_tests import data, wrk
from load_tests.results import Spread
from load_tests.running import Running
from load_tests.scenarios import ONE
from load_tests.terminal import progress

CONNECTIONS = 32
OFF = "off"
"""Name of the system that the others are compared with."""

DIGITS = {"requests/s": 0, "p99 ms": 2, "CPU µs": 1}
"""What is measured → digits that are shown of it."""

Bounds = tuple[float | None, float | None]
"""The least and the most that a ratio is wanted to be."""

ANY: Bounds = (None, None)

# Measure → system → one value for each round.
Seen = dict[str, dict[str, list[float]]]


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """Makes the command line of a benchmark of this kind.

    Args:
        name: Its module in `load_tests`.
        about: What it measures.
    """
    parser = argparse.ArgumentParser(prog=f"python -m load_tests.{name}", description=about)
    data.add_option(parser, "rows to send")
    parser.add_argument("--rounds", type=int, default=11, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each measurement")
    return parser


def measure(running: dict[str, Running], rounds: int, seconds: int) -> tuple[Seen, list[str]]:
    """Puts the systems under load in turn; returns what was seen, and what failed."""
    seen: Seen = {measure: {name: [] for name in running} for measure in DIGITS}
    failures = []
    with progress(rounds * len(running)) as report:
        for number in range(rounds):
            for name in list(running)[:: 1 if number % 2 else -1]:
                report(f"round {number + 1}: {name}")
                one = running[name]
                ask = partial(
                    wrk.run,
                    one.url(ONE),
                    one.bodies(ONE),
                    CONNECTIONS,
                    headers=one.system.headers,
                )
                ask(1)
                before = one.process.cpu_seconds()
                found = ask(seconds)
                used = one.process.cpu_seconds() - before
                seen["requests/s"][name].append(found.rate)
                seen["p99 ms"][name].append(found.latency["p99"])
                seen["CPU µs"][name].append(1e6 * used / found.requests)
                failures += [f"{name}: {found.errors}"] * bool(found.failed)
    return seen, failures


def ratio(values: dict[str, list[float]], name: str) -> Spread:
    """Returns the ratio of a system to the one that is off, round by round."""
    return Spread.of([one / off for one, off in zip(values[name], values[OFF], strict=True)])


def wanted(bounds: Bounds) -> str:
    """Returns what a ratio is wanted to be, for people."""
    least, most = bounds
    return f"≥ {least}" if least else f"≤ {most}" if most else ""


def is_reached(found: Spread, bounds: Bounds) -> bool:
    """Whether the median of a ratio is what is wanted."""
    least, most = bounds
    return (least is None or found.median >= least) and (most is None or found.median <= most)
