"""The command line of the framework: `python -m framework new`, `add`, `remove`, `protos`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from framework import protos
from framework.discovery import find_model, find_models
from framework.fields import FieldError


def main(arguments: Sequence[str] | None = None) -> str:
    """Runs a command and returns what it has to say.

    Raises:
        SystemExit: The command failed; its message says why and what to do.
    """
    # With the train set, not in a worker: pandas and jinja2 stand behind it.
    from framework.scaffold import ScaffoldError

    asked = _parser().parse_args(arguments)
    try:
        return str(asked.run(asked))
    except (ScaffoldError, FieldError, protos.ProtoError, LookupError) as error:
        raise SystemExit(f"{asked.command}: {error}") from error


def _new(asked: argparse.Namespace) -> str:
    from framework.scaffold import new
    from framework.scaffold.shown import shown

    draft = new(asked.name, asked.data, asked.target, drop=asked.drop, rows=asked.rows)
    return shown(draft, asked.data)


def _add(asked: argparse.Namespace) -> str:
    from framework.scaffold import add

    model = find_model(asked.name)
    add(model)
    explained = f" and explain_{model.name}" if model.explanation else ""
    return (
        f"Wrote models/{model.name}/{model.name}.proto with its stubs, and predict_{model.name}"
        f"{explained} in service.py."
    )


def _remove(asked: argparse.Namespace) -> str:
    from framework.scaffold import remove

    remove(asked.name)
    return f"Removed models/{asked.name}/ and its part of service.py."


def _protos(asked: argparse.Namespace) -> str:
    packages = asked.package or ["models"]
    models = [model for package in packages for model in find_models(package).values()]
    if not asked.check:
        return "\n".join(protos.write(models))
    if stale := protos.out_of_date(models):
        raise SystemExit(f"Out of date: {', '.join(stale)}; run `make protos`.")
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m framework", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    new = commands.add_parser("new", help="make a model of a table")
    new.add_argument("name", help="its name: lower-case letters, digits and underscores")
    new.add_argument("--data", type=Path, required=True, help="CSV or Parquet file")
    new.add_argument(
        "--target", nargs="+", required=True, action="extend", help="column to tell, or columns"
    )
    new.add_argument(
        "--drop", action="append", default=[], metavar="COLUMN", help="column to leave out"
    )
    new.add_argument(
        "--rows", default="records", metavar="NAME", help="what requests call their records"
    )
    new.set_defaults(run=_new)

    add = commands.add_parser("add", help="serve a model whose folder was written by hand")
    add.add_argument("name")
    add.set_defaults(run=_add)

    remove = commands.add_parser("remove", help="take a model away")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)

    contracts = commands.add_parser("protos", help="write the .proto files and their stubs")
    contracts.add_argument("--check", action="store_true", help="only say what is out of date")
    contracts.add_argument(
        "--package", action="append", default=None, help="package of models (`models`); repeatable"
    )
    contracts.set_defaults(run=_protos)
    return parser


if __name__ == "__main__":
    if said := main():
        sys.stdout.write(f"{said}\n")
