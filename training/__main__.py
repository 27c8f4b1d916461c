"""The command line: `python -m training {NAME|all|import} [options]`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# BentoML reports its usage to its makers unless told not to; training speaks to no one unasked.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml

from framework.discovery import ModelNotFoundError, find_model, model_names
from framework.fields import FieldError
from framework.model import Model
from framework.openmp import MissingOpenMPError
from training.data import require_data
from training.errors import TrainingError
from training.importing import import_model
from training.pipeline import train
from training.summary import print_summary

ALL, IMPORT = "all", "import"


def main(arguments: Sequence[str] | None = None, package: str = "models") -> int:
    """Runs the command line.

    Args:
        arguments: Its arguments; those of the process if not given.
        package: Where the models are.

    Returns:
        The exit code: 0, 1 if training was refused or cannot be, or 2 if there is no such model.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if list(arguments[:1]) == [IMPORT]:
            return _import(arguments[1:], package)
        return _train(arguments, package)
    except (ModelNotFoundError, FieldError) as error:
        print(error, file=sys.stderr)
        return 2
    except (TrainingError, MissingOpenMPError) as error:
        print(error, file=sys.stderr)
        return 1


def _train(arguments: Sequence[str], package: str) -> int:
    parser = _train_parser(package)
    options = parser.parse_args(arguments)
    given = [
        f"--{name}"
        for name in ("data", "holdout", "time", "name", "report")
        if getattr(options, name) is not None
    ]
    if options.model == ALL and given:
        parser.error(
            f"{', '.join(given)} cannot be given with `all`: it belongs to one model. Train one "
            f"after the other: {', '.join(model_names(package))}."
        )
    if options.holdout and not options.data:
        parser.error("--holdout goes together with --data.")
    if options.holdout and options.time:
        parser.error("--holdout and --time both say which rows test; give one of them.")
    names = model_names(package) if options.model == ALL else [options.model]
    models = [find_model(name, package) for name in names]
    if options.model == ALL:
        require_data(models)
    for model in models:
        _run(
            model,
            lambda one: train(
                one,
                data=options.data,
                holdout=options.holdout,
                time=options.time,
                seed=options.seed,
                tag=options.name,
                report=options.report,
            ),
            options.report,
        )
    return 0


def _import(arguments: Sequence[str], package: str) -> int:
    options = _import_parser(package).parse_args(arguments)
    _run(
        find_model(options.model, package),
        lambda model: import_model(
            model,
            files=options.file or (),
            from_store=options.from_store,
            data=options.data,
            target=options.target or (),
            threshold=options.threshold,
            tag=options.name,
            report=options.report,
        ),
        options.report,
    )
    return 0


def _run(
    model: Model[Any, Any], make: Callable[[Model[Any, Any]], bentoml.Model], report: Path | None
) -> None:
    try:
        stored = make(model)
    except TrainingError as error:
        raise TrainingError(f"{error}\nNothing was stored for {model.name}.") from error
    print_summary(stored, report)


def _train_parser(package: str) -> argparse.ArgumentParser:
    names = ", ".join(model_names(package)) or "there is none yet"
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains models, measures them on held-out rows and stores them in BentoML.",
        epilog="Without --data a model is trained on the rows that it brings along (simulated, or "
        "shipped with a library), and labelled so. A model that was fitted elsewhere is brought "
        "in by `python -m training import NAME --file FILE --data FILE`.",
    )
    parser.add_argument("model", metavar="NAME", help=f"which model to train: {names}; or all")
    parser.add_argument("--data", metavar="PATH_OR_URL", help="CSV or Parquet file to train on")
    parser.add_argument(
        "--holdout", metavar="PATH_OR_URL", help="file for the final test, instead of a split"
    )
    parser.add_argument(
        "--time",
        metavar="COLUMN",
        help="column that tells when each row was observed: the newest fifth is for the test",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of splits and fit (default 0)")
    _add_common(parser)
    return parser


def _import_parser(package: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training import",
        description="Brings in a model that was fitted elsewhere: has it answer the rows of a "
        "file, and stores it with its metrics and golden examples.",
    )
    names = ", ".join(model_names(package)) or "there is none yet"
    parser.add_argument("model", metavar="NAME", help=f"what it is a model of: {names}")
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument(
        "--file",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="LightGBM text (one for each of several targets) or skops; no pickle",
    )
    origin.add_argument(
        "--from-store", metavar="TAG", help="a model saved by `bentoml.lightgbm.save_model`"
    )
    parser.add_argument(
        "--data", metavar="PATH_OR_URL", help="CSV or Parquet file to measure it on"
    )
    parser.add_argument(
        "--target", metavar="COLUMN", nargs="+", help="what is true there (default: the model's)"
    )
    parser.add_argument("--threshold", type=float, help="from which probability on it is a yes")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", metavar="TAG", help="version to store, e.g. v3 or NAME:v3")
    parser.add_argument(
        "--report", metavar="PATH", type=Path, help="also write the HTML report there"
    )


if __name__ == "__main__":
    sys.exit(main())
