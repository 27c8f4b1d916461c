"""The command line: `python -m load_tests [options]`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

# BentoML reports its usage to its makers unless told not to, and reads this when imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from deploy.processes import ROOT
from load_tests import cells, data, environment, further, matrix, overload, terminal
from load_tests.reference import Reference
from load_tests.results import Results
from load_tests.running import Workload, folder
from load_tests.scenarios import SCENARIOS
from load_tests.systems import OWN, SYSTEMS
from load_tests.targets import targets

PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "load_tests" / "results"
DEFAULT = [*OWN, "mlserver"]
"""With the one peer that answers over gRPC, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Returns:
        The exit code: 0, or 1 if any answer was wrong or missing. A missed target is reported,
        and is no failure of the run.
    """
    options = _parser().parse_args(arguments)
    # Ended from outside, it must still end what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    environment.require_tools()
    rows = data.read_all(options.data)
    reference = Reference(rows)
    results = Results()
    effort = _effort(options)
    names = options.systems or list(OWN if options.quick else DEFAULT)
    plan = cells.chosen(
        cells.planned(cells.QUICK if options.quick else cells.FULL),
        {name: SYSTEMS[name].dialects for name in names},
        options.scenarios,
    )
    stated = environment.describe(reference, rows)
    steps = matrix.steps(plan, effort)
    more = "server" in names and not options.matrix_only
    if more:
        steps += further.steps(names, effort) + overload.STEPS
    with folder() as files, terminal.progress(steps) as progress:
        workload = Workload(rows, reference, files)
        matrix.measure(plan, workload, effort, results, progress)
        if more:
            further.measure(names, workload, effort, results, progress)
            results.extras["overload"] = overload.measure(
                files, effort.overload_seconds, progress, closed=2 if options.quick else 0
            )
    terminal.show(results, targets(results))
    _write(options, results, stated, effort)
    return 1 if results.failures() else 0


def _write(
    options: argparse.Namespace, results: Results, stated: dict[str, str], effort: matrix.Effort
) -> None:
    page: Path | None = options.output or (None if options.quick else PAGE)
    if page is None:
        return
    from load_tests.plots import draw
    from load_tests.report import internals, internals_of, users

    RESULTS.mkdir(exist_ok=True)
    page.parent.mkdir(parents=True, exist_ok=True)
    raw = RESULTS / f"{page.stem}-{datetime.now(UTC):%Y-%m-%d}.json"
    content = {"environment": stated, "effort": vars(effort), **results.json()}
    raw.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    details = internals_of(page)
    pictures = draw(results, page)
    page.write_text(users.render(results, stated, effort, pictures, details), encoding="utf-8")
    details.write_text(internals.render(results, effort, page), encoding="utf-8")
    print(f"{page}, {details} and {raw} written", file=sys.stderr)


def _effort(options: argparse.Namespace) -> matrix.Effort:
    from dataclasses import replace

    effort = matrix.QUICK if options.quick else matrix.FULL
    return replace(
        effort,
        rounds=options.rounds or effort.rounds,
        seconds=options.seconds or effort.seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m load_tests",
        description="Measures this server and others, side by side, on the models of the store.",
        epilog="Without --data a model gets the rows it comes with, and the report says so. Other "
        f"model servers, each installed on first use: {', '.join(cells.PEERS)}.",
    )
    data.add_option(parser, "rows to send")
    parser.add_argument("--quick", action="store_true", help="about two minutes, to the terminal")
    parser.add_argument(
        "--systems",
        type=_names(SYSTEMS),
        metavar="A,B",
        help=f"of {', '.join(SYSTEMS)}; by default {', '.join(DEFAULT)} (--quick: without peers)",
    )
    parser.add_argument(
        "--scenarios",
        type=_names(SCENARIOS),
        default=list(SCENARIOS),
        metavar="A,B",
        help=f"of {', '.join(SCENARIOS)}",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds")
    parser.add_argument("--seconds", type=int, metavar="N", help="of each measurement")
    parser.add_argument("--matrix-only", action="store_true", help="no memory, no overload …")
    parser.add_argument("--output", type=Path, metavar="PATH", help=f"page to write ({PAGE.name})")
    return parser


class _names:  # noqa: N801 - used as a function
    """Reads a comma-separated list of known names."""

    def __init__(self, known: Mapping[str, object]) -> None:
        self._known = list(known)

    def __call__(self, text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in self._known]:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; known: {', '.join(self._known)}"
            )
        return names


if __name__ == "__main__":
    sys.exit(main())
