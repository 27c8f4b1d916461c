"""The command line: `python -m security COMMAND [options]`."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from framework.access.key_file import VARIABLE, KeyFileError
from framework.access.scopes import AREAS, require_scope
from framework.access.scopes import USAGE as SCOPES
from framework.audit import AuditError, Deed, audited
from framework.terminal import print_table
from security import commands

USAGE = 2
# Likeness (1: equal) from which a name is taken for a slip.
_CLOSE = 0.85
_MOST_ROWS = 10**9
N = TypeVar("N", int, float)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Its arguments; those of the process if not given.

    Returns:
        The exit code: 0, or 2 if what was asked cannot be done.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.keys is None:
        parser.error(f"name the file of keys: --keys FILE, or {VARIABLE}=FILE")
    try:
        options.run(options)
    except (KeyFileError, AuditError) as error:
        print(error, file=sys.stderr)
        return USAGE
    return 0


def _create_key(options: argparse.Namespace) -> None:
    """Makes an API key, and prints it this once."""
    with _audited(options, options.name) as deed:
        key, own_id = commands.create_key(
            options.keys,
            options.name,
            options.scopes,
            options.expires,
            options.rate,
            options.burst,
        )
        deed.subject = own_id
    print(
        f"Key {own_id} of {options.name}; it is kept nowhere and shown this once:", file=sys.stderr
    )
    print(key)


def _allow_certificate(options: argparse.Namespace) -> None:
    """Lets a client ask that has a certificate of a name."""
    with _audited(options, options.subject) as deed:
        own_id = commands.allow_certificate(
            options.keys, options.subject, options.name, options.scopes, options.expires
        )
        deed.subject = own_id
    print(f"Certificate {options.subject} is {own_id}.")


def _list(options: argparse.Namespace) -> None:
    """Lists keys and certificates."""
    rows = commands.list_credentials(options.keys)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    columns = commands.COLUMNS
    print_table(columns, ([str(row[name] or "") for name in columns] for row in rows))


def _revoke(options: argparse.Namespace) -> None:
    """Revokes keys and certificates, by their ids."""
    with _audited(options, " ".join(options.ids)):
        commands.revoke(options.keys, options.ids)
    print(f"Revoked {', '.join(options.ids)}.")


def _audited(options: argparse.Namespace, subject: str) -> AbstractContextManager[Deed]:
    return audited(options.command, subject, refusals=(KeyFileError,))


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--keys",
        metavar="FILE",
        type=Path,
        default=os.environ.get(VARIABLE) or None,
        help=f"the file that the server's {VARIABLE} names (default: that variable)",
    )
    parser = argparse.ArgumentParser(
        prog="python -m security", description="Says who may ask a server, and what."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        told = str(run.__doc__)
        added = subparsers.add_parser(name, help=told, description=told, parents=[shared])
        added.set_defaults(run=run)
        return added

    key = add("create-key", _create_key)
    key.add_argument(
        "--rate",
        type=_positive(float),
        metavar="ROWS",
        help="rows a second (default: the server's)",
    )
    key.add_argument(
        "--burst",
        type=_positive(int),
        metavar="ROWS",
        help="rows at once (default: of ten seconds)",
    )
    certificate = add("allow-certificate", _allow_certificate)
    certificate.add_argument(
        "--subject", required=True, help="name that the certificate bears (URI, DNS, common name)"
    )
    for making in (key, certificate):
        making.add_argument("--name", required=True, help="whose it is, for people")
        making.add_argument(
            "--scopes", required=True, type=_scopes, help=f"separated by commas: {SCOPES}"
        )
        making.add_argument(
            "--expires",
            metavar="TIME",
            type=commands.end_time,
            help="90d (days), 12h (hours), 2027-01-31 or 2027-01-31T12:00Z (default: never)",
        )
    add("list", _list).add_argument("--json", action="store_true", help="tell it in JSON")
    add("revoke", _revoke).add_argument("ids", metavar="ID", nargs="+")
    return parser


def _positive(kind: type[N]) -> Callable[[str], N]:
    def read(given: str) -> N:
        number = kind(given)
        if not 0 < number <= _MOST_ROWS:
            raise ValueError
        return number

    # By which argparse names what is wrong.
    read.__name__ = "number of rows"
    return read


def _scopes(given: str) -> list[str]:
    scopes = [scope.strip() for scope in given.split(",")]
    areas = {area.partition(":")[0]: area for area in AREAS}
    for scope in scopes:
        name, _, action = scope.partition(":")
        close = get_close_matches(name, areas, n=1, cutoff=_CLOSE)
        meant = areas[close[0]] if close else scope
        if meant != scope and meant.endswith(f":{action}"):
            raise argparse.ArgumentTypeError(f"{scope!r} is no scope; did you mean {meant}?")
    try:
        return [require_scope(scope) for scope in scopes]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
