"""The command line: `python -m training {attrition,topics,all} [options]`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

# BentoML reports its usage to its makers unless told not to; training speaks to no one unasked.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml

from models.card import ModelCard
from training.errors import TrainingError
from training.pipeline import ModelName, train
from training.store import REPORT_FILE

NAMES: tuple[ModelName, ...] = get_args(ModelName)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, or 1 if training was refused."""
    parser = _parser()
    options = parser.parse_args(arguments)
    given = [
        f"--{name}" for name in ("data", "holdout", "name", "report") if getattr(options, name)
    ]
    if options.model == "all" and given:
        parser.error(
            f"{', '.join(given)} cannot be given with `all`: it belongs to one model. Train "
            "`attrition` and `topics` one after the other."
        )
    if options.holdout and (options.model != "topics" or not options.data):
        parser.error("--holdout is for `topics`, together with --data.")
    for name in NAMES if options.model == "all" else [options.model]:
        try:
            model = train(
                name,
                data=options.data,
                holdout=options.holdout,
                seed=options.seed,
                tag=options.name,
                report=options.report,
            )
        except TrainingError as error:
            print(f"{error}\nNothing was stored for {name}.", file=sys.stderr)
            return 1
        _print_summary(model, options.report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains models, measures them on held-out rows and stores them in BentoML.",
        epilog="Without --data the model is trained on a simulation, and labelled so.",
    )
    parser.add_argument("model", choices=[*NAMES, "all"], help="which model to train")
    parser.add_argument("--data", metavar="PATH_OR_URL", help="CSV or Parquet file to train on")
    parser.add_argument(
        "--holdout", metavar="PATH_OR_URL", help="file for the final test (topics only)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of splits and fit (default 0)")
    parser.add_argument("--name", metavar="TAG", help="version to store, e.g. attrition:v3 or v3")
    parser.add_argument(
        "--report", metavar="PATH", type=Path, help="also write the HTML report there"
    )
    return parser


def _print_summary(model: bentoml.Model, report: Path | None) -> None:
    card = ModelCard.read(model)
    data = card.data
    marked = "  ** SIMULATED DATA: these numbers describe no real case **" if data.simulated else ""
    print(f"\n{model.tag}{marked}")
    print(
        f"  data    {data.source}: {data.rows:,} rows, {data.distinct_rows:,} distinct; "
        f"{data.train_rows:,} train, {data.validation_rows:,} validation, {data.test_rows:,} test"
    )
    overall = card.performance["overall"]
    shown = ["roc_auc", "accuracy", "precision", "recall", "f1", "macro_f1", "log_loss", "brier"]
    names = [name for name in shown if name in overall]
    print("  overall " + "".join(f"{name:>10}" for name in names))
    print("          " + "".join(f"{overall[name]:>10.4f}" for name in names))
    width = max(len(name) for name in card.classes)
    print(f"  {'class':<{width}} {'precision':>10}{'recall':>10}{'f1':>10}{'rows':>8}")
    for name in card.classes:
        metrics = card.performance[name]
        values = "".join(f"{metrics[key]:>10.4f}" for key in ("precision", "recall", "f1"))
        print(f"  {name:<{width}} {values}{metrics['rows']:>8.0f}")
    print(f"  report  {report or model.path_of(REPORT_FILE)}")


if __name__ == "__main__":
    sys.exit(main())
