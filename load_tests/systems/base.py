"""What the harness must know of a system: how it is started, spoken to and judged."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load_tests.roles import MODELS

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
    """JSON file of the primary model's `rows` and `target`."""

    folder: Path
    """For the files that the start needs."""

    booster: str
    """Path of the primary model's LightGBM file; empty if it has none."""


@dataclass(frozen=True)
class Dialect:
    """How one model is spoken to."""

    path: str
    encode: "Callable[[Rows], str]"
    check: "Callable[[Reference, Rows, Any], None]"
    """Raises `WrongAnswerError` for a decoded answer that is not the library's."""


@dataclass(frozen=True)
class GrpcDialect:
    """How the primary model is called over gRPC, and with the same messages over Connect."""

    path: str
    encode: "Callable[[Rows], bytes]"
    check: "Callable[[Reference, Rows, bytes], None]"
    """Raises `WrongAnswerError` for a response that is not the library's."""


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
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every request is sent with, beside the content type."""


def encoded(name: str, rows: "Rows") -> str:
    """Returns the body of a request to a model."""
    return json.dumps({MODELS[name].rows: rows})


def _checked(name: str, reference: "Reference", rows: "Rows", answer: Any) -> None:
    reference[name].check(rows, answer)


CONTRACT = {
    name: Dialect(f"/{name}/predict", partial(encoded, name), partial(_checked, name))
    for name in MODELS
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
