"""The command line: `python -m monitoring COMMAND [options]`."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

# BentoML reports its usage to its makers unless told not to.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from framework.audit import AuditError
from framework.discovery import ModelNotFoundError
from framework.refusal import ModelRefusedError
from monitoring.errors import MonitoringError

COMMANDS = ["convert", "query", "delete", "labels", "check", "serve"]
"""Modules of this package; each has `add_parser(subparsers)` and `run(options) -> int`."""

USAGE = 2


def main(arguments: Sequence[str] | None = None, package: str = "models") -> int:
    """Runs the command line.

    Args:
        arguments: Its arguments; those of the process if not given.
        package: Where the models are.

    Returns:
        The exit code: that of the command, or 2 if what was given cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m monitoring",
        description="Keeps and asks the record of a server, and watches the models in use.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    modules: dict[str, Any] = {
        name: importlib.import_module(f"monitoring.{name}") for name in COMMANDS
    }
    for module in modules.values():
        module.add_parser(subparsers)
    options = parser.parse_args(arguments)
    options.package = package
    try:
        return int(modules[options.command].run(options))
    except (MonitoringError, ModelNotFoundError, ModelRefusedError, AuditError) as error:
        print(error, file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
