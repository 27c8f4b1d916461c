"""Options that several commands have."""

import argparse
import os
from pathlib import Path

from monitoring.errors import MonitoringError

VARIABLE = "MODEL_SERVER_RECORD"


def add_record(parser: argparse.ArgumentParser) -> None:
    """Adds `--record`."""
    parser.add_argument(
        "--record",
        metavar="FOLDER",
        type=Path,
        help=f"folder of the record (default: {VARIABLE})",
    )


def record_of(options: argparse.Namespace) -> Path:
    """Returns the folder of the record.

    Raises:
        MonitoringError: None is named, or there is none.
    """
    named: Path | str | None = options.record or os.environ.get(VARIABLE)
    if not named:
        raise MonitoringError(f"Where is the record? Give --record FOLDER, or set {VARIABLE}.")
    folder = Path(named)
    if not folder.is_dir():
        raise MonitoringError(f"{folder} is no folder; name that of the record (--record).")
    return folder
