"""The closed-loop generator for gRPC: `h2load`, which knows HTTP/2 and sends one message."""

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 4
CALLS = 8
"""Calls under way on each connection: 32 in all, as many as over HTTP."""

_RATE = re.compile(r"finished in [\d.]+m?s, ([\d.]+) req/s")
_COUNTS = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed")


@dataclass(frozen=True)
class Called:
    """What one run of `h2load` measured."""

    calls: int
    rate: float
    """Calls a second."""

    failed: int
    """Calls whose HTTP/2 stream failed; gRPC's own status is in a trailer it does not read."""


def run(port: int, path: str, message: bytes, folder: Path, seconds: int) -> Called:
    """Calls one method again and again.

    Args:
        port: Of the server on this machine.
        path: `/package.Service/Method`.
        message: The request, serialised.
        folder: For the frame that is sent.
        seconds: How long, after a second of warm-up.

    Raises:
        RuntimeError: `h2load` failed.
    """
    frame = folder / f"frame-{port}"
    # gRPC over HTTP/2: not compressed, the length as four bytes, big-endian, the message.
    frame.write_bytes(b"\x00" + struct.pack(">I", len(message)) + message)
    command = ["h2load", f"-c{CONNECTIONS}", f"-m{CALLS}", f"-D{seconds}", "--warm-up-time=1"]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    command += ["-d", str(frame), f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    return parse(done.stdout, done.stderr)


def parse(output: str, errors: str = "") -> Called:
    """Reads what `h2load` printed.

    Raises:
        RuntimeError: It printed no result.
    """
    rate, counts = _RATE.search(output), _COUNTS.search(output)
    if rate is None or counts is None:
        raise RuntimeError(f"h2load failed:\n{output}\n{errors}")
    total, succeeded, _ = (int(count) for count in counts.groups())
    return Called(total, float(rate[1]), total - succeeded)
