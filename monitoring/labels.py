"""`python -m monitoring labels`: what became true of predictions, from a file."""

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from framework.card import ModelCard
from framework.discovery import find_models
from framework.labels import LabelKind, label_kind
from monitoring.errors import MonitoringError
from monitoring.label_store.files import COLUMNS, read_events
from monitoring.options import add_database, add_record, label_store_of


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser(
        "labels",
        help="take labels from a file, and tell how many there are",
        description="Takes labels, what became true of predictions, from a file: all of them, or "
        "none. Without a file it tells how many there are.",
    )
    parser.add_argument(
        "--file",
        metavar="FILE",
        type=Path,
        help=f".csv, .jsonl or .parquet: {', '.join(COLUMNS)}; the last two may be missing",
    )
    add_record(parser)
    add_database(parser)


def run(options: argparse.Namespace) -> int:
    """Takes the labels, and tells how many there are."""
    labels = label_store_of(options)
    if options.file is not None:
        count = labels.add(read_events(options.file, kinds(options.package)))
        print(f"{count:,} labels taken")
    for model, counts in labels.counts().items():
        print(f"{model}: {counts.known:,} labels, {counts.unknown:,} of rows not in the record")
    return 0


def kinds(package: str) -> Callable[[str], LabelKind | None]:
    """Returns what tells which labels a model takes, by its name; None if there is no such model.

    The classes are those of its newest stored version.

    Args:
        package: Where the models are.
    """
    models = find_models(package)

    @cache
    def kind_of(name: str) -> LabelKind | None:
        if name not in models:
            return None
        try:
            stored = bentoml.models.get(f"{name}:latest")
        except NotFound:
            raise MonitoringError(
                f"Model {name} is not in the model store, but its card is needed: it names the "
                "classes. Train it, or import it."
            ) from None
        return label_kind(models[name], ModelCard.read(stored).classes)

    return kind_of
