"""`python -m load_tests.drift --data NAME=FILE[,FILE] …`: calibrates the check for drift."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.processes import ROOT
from framework.discovery import ModelNotFoundError, find_model
from framework.model import Model
from load_tests import environment
from load_tests.data import rows_of
from load_tests.drift import page
from load_tests.drift.shifts import drawn, shifts_of
from load_tests.drift.trials import Further, Outcome, trials, watch
from training.errors import TrainingError
from training.rows import Rows

SIZES = (500, 2_000)
REPEATED, ROUNDS = (400, 600), 5
PAGE = ROOT / "docs" / "monitoring.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    options = _parser().parse_args(arguments)
    parts = []
    begun = time.process_time()
    try:
        for given in options.data:
            name, _, paths = given.partition("=")
            model = find_model(name)
            parts.append(_calibrated(model, rows_of(model, paths.split(",")), options))
            print(f"{parts[-1]}\n")
    except (ModelNotFoundError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 2
    seconds = f"{time.process_time() - begun:.0f} s of it"
    facts = {**environment.here("load_tests.drift"), "processor time": seconds}
    part = "\n\n".join([*parts, page.environment(facts)])
    print(page.environment(facts))
    if options.output:
        text = options.output.read_text(encoding="utf-8")
        options.output.write_text(page.put(text, part), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load_tests.drift", description=__doc__)
    parser.add_argument(
        "--data", metavar="NAME=FILE", nargs="+", required=True, help="rows of each model"
    )
    parser.add_argument("--trials", type=int, default=25, help="divisions (default %(default)s)")
    parser.add_argument(
        "--windows", type=int, default=20, help="of each, without change (default %(default)s)"
    )
    parser.add_argument(
        "--shifted", type=int, default=8, help="of each, of each shift (default %(default)s)"
    )
    parser.add_argument(
        "--labelled", type=int, default=4, help="of each, with labels (default %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, help=f"page to write to, such as {PAGE.relative_to(ROOT)}"
    )
    return parser


def _calibrated(model: Model[Any, Any], given: Rows, options: argparse.Namespace) -> str:
    shifts = shifts_of(model, given)
    further = Further()
    outcomes: list[Outcome] = []
    for trial in trials(model, given, options.trials):
        pool = len(trial.pool)
        if not outcomes:
            # Where the file is small, the largest windows of which two are disjoint.
            sizes = [size for size in SIZES if 2 * size <= pool] or [pool // 20 * 10]
            outcomes = [Outcome(size, options.windows) for size in sizes]
        for outcome in outcomes:
            watch(trial, outcome, shifts, options.shifted)
        further.repeated += [
            trial.alarms_of_repeats(distinct, ROUNDS) for distinct in REPEATED if distinct <= pool
        ]
        for _ in range(options.labelled):
            window = drawn(trial.pool, outcomes[-1].size, trial.rng)
            further.worse.append(trial.is_worse(window))
    title = f"{model.name}, {len(given):,} distinct rows, {options.trials} divisions"
    return page.of_model(title, outcomes, further)


if __name__ == "__main__":
    sys.exit(main())
