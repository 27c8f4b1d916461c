"""`python -m monitoring delete`: one prediction is taken out of the record."""

import argparse

from framework.audit import audited
from framework.discovery import find_models
from framework.record.folder import RecordFolder
from monitoring.errors import MonitoringError
from monitoring.options import add_database, add_record, label_store_of, record_of
from monitoring.record.deletion import delete


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser(
        "delete",
        help="take one prediction out of the record",
        description="Takes one prediction, all of its rows and labels, out of the record. "
        "What a server is writing at this moment is left without it as soon as it is converted.",
    )
    add_record(parser)
    add_database(parser)
    parser.add_argument("prediction_id", metavar="PREDICTION_ID")


def run(options: argparse.Namespace) -> int:
    """Deletes the prediction."""
    folder = RecordFolder(record_of(options))
    labels = label_store_of(options)
    models = find_models(options.package)
    with audited("delete", options.prediction_id, refusals=(MonitoringError,)):
        rows, is_pending = delete(folder, models, labels, options.prediction_id)
    print(f"{rows} rows deleted")
    if is_pending:
        print("a server may still hold it; it will not be converted")
    return 0
