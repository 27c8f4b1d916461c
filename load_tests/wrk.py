"""The closed-loop generator: `wrk`, one thread, every connection always waiting for an answer."""

import json
import math
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

JSON = "application/json"
SCRIPT = Path(__file__).with_name("rotate.lua")
# Longer than any answer may take: what comes later than the server's own time-out is lost.
TIMEOUT_SECONDS = 30
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
ERRORS = ("connect", "read", "write", "timeout", "status")


@dataclass(frozen=True)
class Closed:
    """What one run of `wrk` measured."""

    requests: int
    seconds: float
    latency: dict[str, float]
    """Percentile → milliseconds."""

    errors: dict[str, int]
    """Kind → count; `status` counts answers that are not 2xx or 3xx."""

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return sum(self.errors.values())

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.requests - self.errors["status"]) / self.seconds


def run(
    url: str,
    bodies: Path,
    connections: int,
    seconds: float,
    start: int = 0,
    content_type: str = JSON,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Closed:
    """Sends the bodies of a file in turn over `connections` connections.

    Args:
        url: Where to.
        bodies: File with one body a line, in hexadecimal if it is not JSON.
        connections: How many requests are under way at any time.
        seconds: How long; `wrk` counts in whole seconds.
        start: Which body comes first.
        content_type: Of the bodies.
        headers: What every request is sent with beside.

    Raises:
        RuntimeError: `wrk` failed.
    """
    whole = max(1, math.ceil(seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", f"--timeout={TIMEOUT_SECONDS}s"]
    command += [f"--script={SCRIPT}", url, "--", str(bodies), str(start), content_type]
    command += [part for header in headers.items() for part in header]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False, timeout=whole + 2 * TIMEOUT_SECONDS
    )
    return parse(done.stdout, done.stderr)


def parse(output: str, errors: str = "") -> Closed:
    """Reads what `rotate.lua` printed.

    Raises:
        RuntimeError: It printed nothing, because `wrk` failed.
    """
    line = next((line for line in output.splitlines() if line.startswith("JSON ")), None)
    if line is None:
        raise RuntimeError(f"wrk failed:\n{output}\n{errors}")
    seen: dict[str, Any] = json.loads(line.removeprefix("JSON "))
    return Closed(
        requests=seen["requests"],
        seconds=seen["seconds"],
        latency={name: seen[name] for name in PERCENTILES},
        errors={name: seen[name] for name in ERRORS},
    )
