"""The rows that are sent: from a file where one is given, else those the model comes with."""

import argparse
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.records import Records
from load_tests.roles import MODELS, PRIMARY, AnyModel
from training import rows
from training.data import load, of_source
from training.errors import TrainingError

SEED = 7


@dataclass(frozen=True)
class Data:
    """What is sent to one model.

    Attributes:
        rows: Records, as clients would write them in JSON.
        target: What is true of each: the position of a class, a number, or several numbers.
        source: Where they came from, for people.
    """

    rows: list[dict[str, Any]]
    target: list[Any]
    source: str


def rows_of(model: AnyModel, paths: Sequence[str]) -> rows.Rows:
    """Reads the distinct rows of one or more files, as training reads them.

    Raises:
        TrainingError: A file cannot be used.
    """
    parts = [rows.read(model, load(path)) for path in paths]
    joined: Records[Any] = Records.joined([part.records for part in parts])
    target = np.concatenate([part.target for part in parts])
    return rows.Rows(joined, target, parts[0].classes).distinct()


def files(arguments: Iterable[str]) -> dict[str, str]:
    """Reads `NAME=PATH`, or a bare `PATH` for the primary model; returns name → path.

    Raises:
        ValueError: There is no model of that name.
    """
    found = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or "/" in name:
            name, path = PRIMARY.name, argument
        if name not in MODELS:
            raise ValueError(f"there is no model {name!r}; there are: {', '.join(MODELS)}")
        found[name] = path
    return found


class FilesOption(argparse.Action):
    """An option that collects the files given for models; see `files`."""

    def __call__(self, _: Any, namespace: Any, value: Any, __: str | None = None) -> None:
        """Adds one."""
        try:
            added = files([value])
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), **added})


def add_option(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Adds `--data` to a command line."""
    parser.add_argument(
        "--data",
        action=FilesOption,
        default={},
        metavar="[NAME=]PATH",
        help=f"{purpose}, by default of {PRIMARY.name}; may be given for each model",
    )


def read_all(paths: Mapping[str, str]) -> dict[str, Data]:
    """Reads the rows of every model, from the files given for some; see `read`.

    Raises:
        SystemExit: A model has no rows, or none that can be used.
    """
    try:
        return {name: read(model, paths.get(name)) for name, model in MODELS.items()}
    except TrainingError as error:
        raise SystemExit(str(error)) from None


def read(model: AnyModel, path: str | None = None) -> Data:
    """Reads the rows to send to a model.

    Args:
        model: Which.
        path: Of a training table of the model; if not given, its own rows are taken.

    Raises:
        TrainingError: There is neither, or the table is not what the model is trained on.
    """
    if path:
        table = load(path)
    elif model.data:
        table = of_source(model.data)
    else:
        raise TrainingError(
            f"The model {model.name} comes without rows: give a table of them, by "
            f"`--data {model.name}=PATH`."
        )
    found = rows.read(model, table)
    name = Path(table.source).name if path else table.source
    return Data(
        rows=[rows.plain(found.records, at) for at in range(len(found))],
        target=found.target.tolist(),
        source=f"{name} ({table.kind}), {len(found):,} rows, SHA-256 {table.sha256[:12]}…",
    )


def blocks(rows: Sequence[dict[str, Any]], size: int, count: int) -> list[list[dict[str, Any]]]:
    """Returns `count` different lists of `size` rows, going round the data in a shuffled order."""
    order = list(range(len(rows)))
    random.Random(SEED).shuffle(order)  # noqa: S311 - an order, not a secret
    return [
        [rows[order[(start * size + offset) % len(order)]] for offset in range(size)]
        for start in range(count)
    ]
