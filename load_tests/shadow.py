"""What a live shadow costs: one server has one, another has none; both record.

The same load goes to both in turn, one row a request; the shadow is the champion's own version, so
that both take the same time. What counts is with / without within a round: throughput, the 99th
percentile.
"""

import argparse
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from framework.pointer import CHAMPION, Pointer, Standing, write_pointer
from load_tests import data
from load_tests.environment import require_tools
from load_tests.record import OFF, Seen, measure
from load_tests.reference import Reference
from load_tests.results import Spread
from load_tests.roles import PRIMARY
from load_tests.running import HOST, Workload, folder, started
from load_tests.systems.base import Launch, System
from load_tests.systems.bento import SERVER

ON = "shadow"
TARGETS = {"requests/s": (0.95, None), "p99 ms": (None, 1.1), "CPU µs": (None, None)}
"""Measure → the least and the most that with / without a shadow may be."""

_DIGITS = {"requests/s": 0, "p99 ms": 2, "CPU µs": 1}


def systems(tag: str, share: float) -> list[System]:
    """Returns both systems; they answer the primary model alone.

    Args:
        tag: Tag of its version.
        share: Share of the requests that the shadow gets.
    """

    def recording(launch: Launch) -> dict[str, str]:
        record = launch.folder / f"record-{launch.port}"
        pin = f"{PRIMARY.name.upper()}_MODEL"
        return {**SERVER.environment(launch), "MODEL_SERVER_RECORD": str(record), pin: ""}

    def shadowed(launch: Launch) -> dict[str, str]:
        environment = recording(launch)
        now = datetime.now(UTC)
        standings = {
            CHAMPION: Standing(tag=tag, since=now, event=1),
            "shadow": Standing(tag=tag, since=now, event=2, share=share),
        }
        home = Path(environment["BENTOML_HOME"])
        write_pointer(home, Pointer.model_validate({"models": {PRIMARY.name: standings}}))
        return environment

    alone = {PRIMARY.name: SERVER.dialects[PRIMARY.name]}
    off = replace(SERVER, name=OFF, dialects=alone, grpc=None, environment=recording)
    return [off, replace(off, name=ON, environment=shadowed)]


def table(seen: Seen) -> tuple[Table, bool]:
    """Returns what was seen, and whether it is what is wanted; ratios are taken within rounds."""
    found, good = Table("measure", OFF, ON, "with / without", "wanted"), True
    for what, (least, most) in TARGETS.items():
        without, with_shadow = seen[what][OFF], seen[what][ON]
        ratio = Spread.of([one / off for one, off in zip(with_shadow, without, strict=True)])
        wanted = f"≥ {least}" if least else f"≤ {most}" if most else ""
        shown = [Spread.of(each).show(_DIGITS[what]) for each in (without, with_shadow)]
        found.add_row(what, *shown, ratio.show(3), wanted)
        good &= (least is None or ratio.median >= least) and (most is None or ratio.median <= most)
    return found, good


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if a shadow costs more than it may."""
    options = _parser().parse_args(arguments)
    require_tools()
    rows = data.read_all(options.data)
    reference = Reference(rows)
    both = systems(reference[PRIMARY.name].tag, options.share)
    with folder() as place, started(both, 1, Workload(rows, reference, place)) as running:
        seen, failures = measure(running, options.rounds, options.seconds)
        outcomes = _outcomes(running[ON].port)
    shown, good = table(seen)
    told = ", ".join(f"{count:,.0f} {outcome}" for outcome, count in outcomes.items())
    Console().print(shown, f"The shadow's requests: {told}.", *failures, sep="\n")
    return 0 if good and not failures and outcomes["answered"] else 1


def _outcomes(port: int) -> dict[str, float]:
    """Returns what became of the requests that the shadow was to answer."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = (
        line.split() for line in lines if line.startswith("model_server_shadow_requests_total")
    )
    return {labels.split('outcome="')[1].split('"')[0]: float(count) for labels, count in found}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load_tests.shadow", description=__doc__)
    data.add_option(parser, "rows to send")
    parser.add_argument("--share", type=float, default=0.1, metavar="SHARE")
    parser.add_argument("--rounds", type=int, default=11, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
