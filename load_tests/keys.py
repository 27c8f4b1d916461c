"""What it costs to know who asks: one server is open, one wants a key, and has a thousand.

The same load goes to both in turn, one row a request. What counts is locked / open within a round.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from framework.access.key_file import MOST, Key, change_key_file
from load_tests import data
from load_tests.environment import require_tools
from load_tests.reference import Reference
from load_tests.results import Spread
from load_tests.roles import PRIMARY
from load_tests.rounds import ANY, OFF, Bounds, Seen, is_reached, measure, parser_of, ratio, wanted
from load_tests.running import Workload, folder, started
from load_tests.systems.base import System
from load_tests.systems.bento import SERVER
from security.commands import create_key

LOCKED = "locked"
TARGETS: dict[str, Bounds] = {"requests/s": (0.97, None)}
"""Measure → the least and the most that with a key / without may be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if a key costs more than it may."""
    options = parser_of("keys", __doc__).parse_args(arguments)
    require_tools()
    rows = data.read_all(options.data)
    with (
        folder() as place,
        started(systems(place), 1, Workload(rows, Reference(rows), place)) as running,
    ):
        seen, failures = measure(running, options.rounds, options.seconds)
    Console().print(table(seen), *failures, sep="\n")
    reached = all(is_reached(ratio(seen[what], LOCKED), bounds) for what, bounds in TARGETS.items())
    return 0 if reached and not failures else 1


def systems(place: Path) -> list[System]:
    """Returns the two systems; both answer the primary model alone.

    Args:
        place: Folder for the keys.
    """
    keys = place / "keys.json"
    key, _ = create_key(keys, "load", [f"{PRIMARY.name}:predict"], None)
    # Each of the others has an id and a digest of its own.
    change_key_file(
        keys,
        lambda held: held.model_copy(
            update={"keys": (*held.keys, *(_other(held.keys[0], n) for n in range(1, MOST)))}
        ),
    )
    alone = {PRIMARY.name: SERVER.dialects[PRIMARY.name]}
    off = replace(SERVER, name=OFF, dialects=alone, grpc=None)
    return [
        off,
        replace(
            off,
            name=LOCKED,
            environment=lambda launch: {
                **SERVER.environment(launch),
                "MODEL_SERVER_KEYS": str(keys),
            },
            headers={"Authorization": f"Bearer {key}"},
        ),
    ]


def table(seen: Seen) -> Table:
    """Returns what was seen; each ratio is taken within a round."""
    found = Table("measure", "open", LOCKED, "locked / open", "wanted")
    for what, values in seen.items():
        shown = [Spread.of(values[name]).show(1) for name in (OFF, LOCKED)]
        aim = wanted(TARGETS.get(what, ANY))
        found.add_row(what, *shown, ratio(values, LOCKED).show(3), aim)
    return found


def _other(one: Key, number: int) -> Key:
    return one.model_copy(update={"id": f"{number:08d}", "sha256": f"{number:064x}"})


if __name__ == "__main__":
    sys.exit(main())
