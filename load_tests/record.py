"""What recording costs: one server records, one does not, one has `bentoml.monitor` do the same.

The same load goes to all in turn, one row a request. What counts is recording / not recording
within a round: throughput, the 99th percentile, and CPU time for a request, which other load of the
machine changes least.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

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
from load_tests.running import Workload, folder, started
from load_tests.systems.base import Launch, System
from load_tests.systems.bento import SERVER

ON, MONITOR = "record", "bentoml.monitor"
TARGETS: dict[str, Bounds] = {"requests/s": (0.97, None), "p99 ms": (None, 1.1)}
"""Measure → the least and the most that recording / not recording may be."""

# Without a version: BentoML checks the file against two schemas, which want different ones.
_MONITORED = """\
services:
  monitoring:
    options:
      log_path: {}
"""


def _recording(launch: Launch) -> dict[str, str]:
    record = launch.folder / f"record-{launch.port}"
    return {**SERVER.environment(launch), "MODEL_SERVER_RECORD": str(record)}


def _monitoring(launch: Launch) -> dict[str, str]:
    path = launch.folder / "monitored.yaml"
    path.write_text(_MONITORED.format(launch.folder / "monitored"), encoding="utf-8")
    return {**SERVER.environment(launch), "BENTOML_CONFIG": str(path)}


def _command(launch: Launch) -> list[str]:
    serve = [sys.executable, "-m", "bentoml", "serve", "load_tests.monitored:Monitored"]
    return [*serve, "--host", "127.0.0.1", "--port", str(launch.port)]


def systems() -> list[System]:
    """Returns the three systems; all answer the primary model alone."""
    alone = {PRIMARY.name: SERVER.dialects[PRIMARY.name]}
    off = replace(SERVER, name=OFF, dialects=alone, grpc=None)
    return [
        off,
        replace(off, name=ON, environment=_recording),
        replace(off, name=MONITOR, command=_command, environment=_monitoring),
    ]


def table(seen: Seen) -> Table:
    """Returns what was seen; each ratio is taken within a round."""
    found = Table("measure", *seen["requests/s"], "record / off", "wanted", f"{MONITOR} / off")
    for what, values in seen.items():
        shown = [Spread.of(each).show(DIGITS[what]) for each in values.values()]
        beside = [ratio(values, name).show(3) for name in (ON, MONITOR)]
        found.add_row(what, *shown, beside[0], wanted(TARGETS.get(what, ANY)), beside[1])
    return found


def reached(seen: Seen) -> bool:
    """Whether the medians of the ratios are what is wanted."""
    return all(is_reached(ratio(seen[what], ON), bounds) for what, bounds in TARGETS.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if recording costs more than it may."""
    options = parser_of("record", __doc__).parse_args(arguments)
    require_tools()
    rows = data.read_all(options.data)
    with (
        folder() as place,
        started(systems(), 1, Workload(rows, Reference(rows), place)) as running,
    ):
        seen, failures = measure(running, options.rounds, options.seconds)
    Console().print(table(seen), *failures, sep="\n")
    return 0 if reached(seen) and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
