"""The command line: `python -m registry COMMAND [options]`."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

# BentoML reports its usage to its makers unless told not to.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")


from framework.adapters.bentoml import home_folder
from framework.audit import AuditError, audited
from framework.database import VARIABLE
from framework.discovery import ModelNotFoundError, find_models
from framework.pointer import CHAMPION
from framework.refusal import ModelRefusedError
from framework.terminal import print_table
from monitoring.errors import MonitoringError
from monitoring.options import VARIABLE as RECORD_VARIABLE
from monitoring.options import add_record, add_since
from registry import commands, promotion
from registry.backup import restore as restoring
from registry.backup import save, transfer
from registry.commands import Answer, Registry
from registry.compare import compare_versions
from registry.errors import NothingToDoError, RegistryError
from registry.events import ALIASES
from registry.history import History
from registry.replay import replay
from registry.retrain import retrain
from registry.rollout import WAIT_SECONDS
from registry.versions import enter_new

REFUSED, USAGE, NOTHING = 1, 2, 3
Command = Callable[[Registry, argparse.Namespace], Answer]
_REFUSALS = (RegistryError, MonitoringError, ModelNotFoundError, ModelRefusedError)
# Commands that change something, or copy it away, and the argument that tells what.
_AUDITED = {
    "promote": "tag",
    "rollback": "model",
    "retrain": "model",
    "backup": "target",
    "restore": "source",
    "export": "tag",
    "import": "file",
}
LEAST_LABELLED = 1_000


def main(arguments: Sequence[str] | None = None, package: str = "models") -> int:
    """Runs the command line.

    Every command first enters the versions that were trained since the last one, and leaves the
    pointer that servers read as the history has it.

    Args:
        arguments: Its arguments; those of the process if not given.
        package: Where the models are.

    Returns:
        The exit code: 0, 1 if `verify` found something or the gate refuses, 2 if what was asked
        cannot be done, or 3 if `retrain` has too few labels, or none that are new.
    """
    options = _parser().parse_args(arguments)
    try:
        options.database = options.database or os.environ.get(VARIABLE)
        home = home_folder()
        history = History(home, options.database)
        registry = Registry(history, find_models(package))
        restoring.resume(home, options.database)
        if options.run is not restoring.restore:
            enter_new(history, registry.models)
            history.publish()
        with _audited(options):
            answer = options.run(registry, options)
        history.publish()
    except NothingToDoError as error:
        print(error, file=sys.stderr)
        return NOTHING
    except (*_REFUSALS, AuditError) as error:
        print(error, file=sys.stderr)
        return USAGE
    _show(answer, as_json=options.json)
    return REFUSED if answer.refused else 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="tell it in JSON")
    shared.add_argument(
        "--database",
        metavar="URL",
        help="where the history is: postgresql://USER:PASSWORD@HOST/NAME "
        f"(default: {VARIABLE}, or else SQLite in BentoML's home)",
    )
    parser = argparse.ArgumentParser(
        prog="python -m registry",
        description="Says which version of each model serves, changes it, and knows its history.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, *positional: str) -> argparse.ArgumentParser:
        told = str(run.__doc__)
        added = subparsers.add_parser(name, help=told, description=told, parents=[shared])
        added.set_defaults(run=run)
        for argument in positional:
            added.add_argument(argument, metavar=argument.upper())
        return added

    add("list", commands.list_models)
    add("show", commands.show, "model")
    promote = add("promote", promotion.promote)
    promote.add_argument("tag", metavar="MODEL:TAG")
    promote.add_argument(
        "--as",
        dest="alias",
        choices=[alias for alias in ALIASES if alias != "previous"],
        default=CHAMPION,
        help="what the version becomes (default: champion)",
    )
    promote.add_argument(
        "--share",
        metavar="SHARE",
        type=float,
        help="of the live requests, from 0 to 1, that a shadow or canary gets",
    )
    promote.add_argument(
        "--force",
        action="store_true",
        help="promote it though the gate has not let it pass; wants --reason",
    )
    add("gate", commands.gate, "tag").add_argument(
        "--data",
        metavar="PATH_OR_URL",
        help="rows whose truth is known (default: those that the version was made of)",
    )
    rollback = add("rollback", promotion.rollback, "model")
    for changing in (promote, rollback):
        changing.add_argument("--reason", default="", help="why, for the history")
        _add_wait(changing)
    add("history", commands.history, "model")
    add("verify", commands.verify).add_argument("model", metavar="MODEL", nargs="?")
    two = add("diff", commands.diff)
    two.add_argument("first", metavar="TAG")
    two.add_argument("second", metavar="TAG")
    _add_comparing(add)
    _add_copies(add)
    return parser


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=WAIT_SECONDS,
        help="how long running servers may take to follow (default: 30)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: allowed are 0 or more")
    return seconds


def _add_comparing(add: Callable[..., argparse.ArgumentParser]) -> None:
    replaying = add("replay", replay)
    replaying.add_argument("tag", metavar="MODEL:TAG")
    comparing = add("compare", compare_versions, "model")
    comparing.add_argument(
        "tags",
        metavar="MODEL:TAG",
        nargs="*",
        help="which versions (default: champion and challenger, or else shadow; of one that is "
        "named, champion and that)",
    )
    retraining = add("retrain", retrain, "model")
    retraining.add_argument(
        "--data",
        metavar="PATH_OR_URL",
        help="what to train on beside the record (default: what the champion was made of)",
    )
    retraining.add_argument(
        "--least",
        metavar="ROWS",
        type=int,
        default=LEAST_LABELLED,
        help="labelled rows that the champion does not know, below which nothing happens "
        "(default: %(default)s)",
    )
    retraining.add_argument(
        "--auto", action="store_true", help="promote the new version if it passes the gate"
    )
    _add_wait(retraining)
    for reading in (replaying, comparing, retraining):
        add_record(reading)
        add_since(reading)


def _add_copies(add: Callable[..., argparse.ArgumentParser]) -> None:
    backup = add("backup", save.backup, "target")
    restore = add("restore", restoring.restore, "source")
    for command in (backup, restore):
        command.add_argument(
            "--record",
            metavar="FOLDER",
            type=Path,
            default=os.environ.get(RECORD_VARIABLE) or None,
            help=f"folder of the record (default: {RECORD_VARIABLE})",
        )
    restore.add_argument(
        "--replace", action="store_true", help="in place of what there is; stop the server first"
    )
    export = add("export", transfer.export)
    export.add_argument("tag", metavar="MODEL:TAG")
    export.add_argument("file", metavar="FILE")
    add("import", transfer.bring, "file")


def _audited(options: argparse.Namespace) -> AbstractContextManager[object]:
    if options.command not in _AUDITED:
        return nullcontext()
    subject = getattr(options, _AUDITED[options.command])
    reason = getattr(options, "reason", "")
    return audited(options.command, subject, reason, refusals=_REFUSALS)


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer.data, indent=2))
        return
    print_table(answer.columns, answer.rows)


if __name__ == "__main__":
    sys.exit(main())
