"""What a live shadow costs: one server has one, another has none; both record.

The same load goes to both in turn, one row a request; the shadow is the champion's own version, so
that both take the same time. What counts is with / without within a round: throughput, the 99th
percentile.
"""

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
from load_tests.reference import Reference
from load_tests.results import Spread
from load_tests.roles import PRIMARY
from load_tests.rounds import (
    ANY,
    DIGITS,
    OFF,
    Bounds,
    Seen,
    is_reached,
    measure,
    parser_of,
    ratio,
    wanted,
)
from load_tests.running import HOST, Workload, folder, started
from load_tests.systems.base import Launch, System
from load_tests.systems.bento import SERVER

ON = "shadow"
TARGETS: dict[str, Bounds] = {
    "requests/s": (0.95, None),
    "p99 ms": (None, 1.1),
    "CPU µs": ANY,
}
"""Measure → the least and the most that with / without a shadow may be."""


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
    for what, bounds in TARGETS.items():
        values = seen[what]
        shown = [Spread.of(values[name]).show(DIGITS[what]) for name in (OFF, ON)]
        share = ratio(values, ON)
        found.add_row(what, *shown, share.show(3), wanted(bounds))
        good &= is_reached(share, bounds)
    return found, good


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if a shadow costs more than it may."""
    parser = parser_of("shadow", __doc__)
    parser.add_argument("--share", type=float, default=0.1, metavar="SHARE")
    options = parser.parse_args(arguments)
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


if __name__ == "__main__":
    sys.exit(main())
