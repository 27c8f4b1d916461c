"""What the harness must know of a system: how it is started, spoken to and judged."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from load_tests.reference import Reference
    from load_tests.scenarios import Rows

# Where a system that fits its own model finds the rows.
ROWS_VARIABLE = "LOAD_TESTS_ROWS"


@dataclass(frozen=True)
class Launch:
    """What a system is started with."""

    port: int
    grpc_port: int
    workers: int
    rows: Path
    """CSV file of employees and whether they left."""

    folder: Path
    """For the files that the start needs."""

    booster: str
    """Path of the LightGBM model."""


@dataclass(frozen=True)
class Dialect:
    """How one model is spoken to."""

    path: str
    encode: "Callable[[Rows], str]"
    check: "Callable[[Reference, Rows, Any], None]"
    """Raises `WrongAnswerError` for a decoded answer that is not the framework's."""


@dataclass(frozen=True)
class GrpcDialect:
    """How the turnover model is called over gRPC."""

    path: str
    encode: "Callable[[Rows], bytes]"
    check: "Callable[[Reference, Rows, bytes], None]"
    """Raises `WrongAnswerError` for a response that is not the framework's."""


@dataclass(frozen=True)
class System:
    """One system under measurement."""

    name: str
    what: str
    command: Callable[[Launch], list[str]]
    environment: Callable[[Launch], dict[str, str]]
    dialects: Mapping[str, Dialect]
    """Model → how to ask it; a model that is missing is not served."""

    grpc: GrpcDialect | None = None
    most_rows: int = 1_000_000
    """Most rows that a request may have."""


def _check_attrition(reference: "Reference", rows: "Rows", answer: Any) -> None:
    reference.check_attrition(rows, answer)


def _check_topics(reference: "Reference", rows: "Rows", answer: Any) -> None:
    reference.check_topics(rows, answer)


CONTRACT = {
    "attrition": Dialect(
        "/attrition/predict", lambda rows: json.dumps({"employees": rows}), _check_attrition
    ),
    "topics": Dialect("/topics/predict", lambda rows: json.dumps({"texts": rows}), _check_topics),
}
"""The contract of the service, which the systems comparable with it keep too."""


def nothing(_: Launch) -> dict[str, str]:
    """Adds nothing to the environment."""
    return {}


def uvicorn(target: str, *options: str) -> Callable[[Launch], list[str]]:
    """Returns the maker of a command line that serves `target` with uvicorn."""

    def command(launch: Launch) -> list[str]:
        served = [sys.executable, "-m", "uvicorn", target, "--port", str(launch.port)]
        return [*served, "--workers", str(launch.workers), *options]

    return command
