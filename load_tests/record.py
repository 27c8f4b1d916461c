"""What recording costs: one server records, one does not, one has `bentoml.monitor` do the same.

The same load goes to all in turn, one row a request. What counts is recording / not recording
within a round: throughput, the 99th percentile, and CPU time for a request, which other load of the
machine changes least.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console
from rich.table import Table

from load_tests import data, wrk
from load_tests.environment import require_tools
from load_tests.reference import Reference
from load_tests.results import Spread
from load_tests.roles import PRIMARY
from load_tests.running import Running, Workload, folder, started
from load_tests.scenarios import ONE
from load_tests.systems.base import Launch, System
from load_tests.systems.bento import SERVER
from load_tests.terminal import progress

CONNECTIONS = 32
OFF, ON, MONITOR = "off", "record", "bentoml.monitor"
TARGETS = {"requests/s": (0.97, None), "p99 ms": (None, 1.1)}
"""Measure → the least and the most that recording / not recording may be."""

# Without a version: BentoML checks the file against two schemas, which want different ones.
_MONITORED = """\
services:
  monitoring:
    options:
      log_path: {}
"""
_DIGITS = {"requests/s": 0, "p99 ms": 2, "CPU µs": 1}
# Measure → system → one value for each round.
Seen = dict[str, dict[str, list[float]]]


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


def measure(running: dict[str, Running], rounds: int, seconds: int) -> tuple[Seen, list[str]]:
    """Puts the systems under load in turn; returns what was seen, and what failed."""
    seen: Seen = {measure: {name: [] for name in running} for measure in _DIGITS}
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


def table(seen: Seen) -> Table:
    """Returns what was seen; each ratio is taken within a round."""
    found = Table("measure", *seen["requests/s"], "record / off", "wanted", f"{MONITOR} / off")
    for what, values in seen.items():
        shown = [Spread.of(each).show(_DIGITS[what]) for each in values.values()]
        found.add_row(
            what, *shown, ratio(values, ON).show(3), _wanted(what), ratio(values, MONITOR).show(3)
        )
    return found


def ratio(values: dict[str, list[float]], name: str) -> Spread:
    """Returns the ratio of a system to the one that does not record, round by round."""
    return Spread.of([one / off for one, off in zip(values[name], values[OFF], strict=True)])


def _wanted(what: str) -> str:
    least, most = TARGETS.get(what, (None, None))
    return f"≥ {least}" if least else f"≤ {most}" if most else ""


def reached(seen: Seen) -> bool:
    """Whether the medians of the ratios are what is wanted."""
    found = {what: ratio(seen[what], ON).median for what in TARGETS}
    return all(
        (least is None or found[what] >= least) and (most is None or found[what] <= most)
        for what, (least, most) in TARGETS.items()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if recording costs more than it may."""
    options = _parser().parse_args(arguments)
    require_tools()
    rows = data.read_all(options.data)
    with (
        folder() as place,
        started(systems(), 1, Workload(rows, Reference(rows), place)) as running,
    ):
        seen, failures = measure(running, options.rounds, options.seconds)
    Console().print(table(seen), *failures, sep="\n")
    return 0 if reached(seen) and not failures else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load_tests.record", description=__doc__)
    data.add_option(parser, "rows to send")
    parser.add_argument("--rounds", type=int, default=11, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
