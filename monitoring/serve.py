"""`python -m monitoring serve`: checks again and again, and tells Prometheus."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pyarrow as pa
from prometheus_client import CollectorRegistry, start_http_server

from framework.discovery import ModelNotFoundError, find_model, model_names
from framework.refusal import ModelRefusedError
from monitoring import options as shared
from monitoring.check import add_checking, labels_of, sizes_of
from monitoring.checking import check
from monitoring.errors import MonitoringError
from monitoring.exporter import Findings
from monitoring.store import Store

HOST, PORT = "127.0.0.1", 9464
EVERY_SECONDS = 300.0
UNFIT = (MonitoringError, ModelNotFoundError, ModelRefusedError)


def add_parser(subparsers: Any) -> None:
    """Adds the command to a command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="check again and again, and tell Prometheus",
        description="Checks every model that has rows in the record, again and again, and answers "
        "what was found at /metrics.",
    )
    parser.add_argument(
        "--model", metavar="NAME", nargs="+", help="only these (default: all that have rows)"
    )
    parser.add_argument("--host", default=HOST, help="address (default %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="port (default %(default)s)")
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=float,
        default=EVERY_SECONDS,
        help="between two checks (default %(default)g)",
    )
    add_checking(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command until SIGTERM or SIGINT; returns its exit code."""
    store = Store(shared.record_of(options))
    sizes_of(options)
    if options.every <= 0:
        raise MonitoringError(f"--every {options.every:g} must be more than 0 seconds.")
    for name in options.model or ():
        find_model(name, options.package)
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    findings = Findings()
    registry = CollectorRegistry()
    registry.register(findings)
    try:
        server, _ = start_http_server(options.port, options.host, registry)
    except OSError as error:
        raise MonitoringError(
            f"{options.host}:{options.port} cannot be listened on: {error.strerror}."
        ) from error
    print(f"http://{options.host}:{server.server_port}/metrics", flush=True)
    while not stopped.is_set():
        look(store, options, findings)
        stopped.wait(options.every)
    server.shutdown()
    return 0


def look(store: Store, options: argparse.Namespace, findings: Findings) -> None:
    """Checks the models once; what cannot be checked is said and counted."""
    for name in _names(store, options):
        try:
            findings.results[name] = check(
                store,
                find_model(name, options.package),
                labels=labels_of(options, name),
                sizes=sizes_of(options),
                margin=options.margin,
            )
            findings.failures.setdefault(name, 0)
        except (*UNFIT, OSError, pa.ArrowInvalid) as error:
            findings.failures[name] = findings.failures.get(name, 0) + 1
            # What the record's retention deletes meanwhile will not be asked for again.
            print(error, file=sys.stderr, flush=True)


def _names(store: Store, options: argparse.Namespace) -> Sequence[str]:
    if options.model:
        return list(options.model)
    known = model_names(options.package)
    return [name for name in store.models() if name in known]
