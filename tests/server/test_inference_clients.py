"""Clients of the Open Inference Protocol that nobody here wrote, each in a process of its own.

Not for order alone: two programs' stubs of the protocol cannot be loaded into one process.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from tests.processes import Server

CLIENTS = Path(__file__).parent / "clients"
KSERVE = ROOT / ".venv-kserve"


def say(python: str, script: str, *arguments: str) -> None:
    """Runs a conversation, which fails with what the client saw."""
    done = subprocess.run(
        [python, str(CLIENTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all said" in done.stdout


def test_tritons_http_client(server: Server) -> None:
    say(sys.executable, "triton_http.py", server.url)


def test_tritons_grpc_client(server: Server) -> None:
    say(sys.executable, "triton_grpc.py", server.grpc)


@pytest.fixture(scope="module")
def kserve_python() -> str:
    """KServe's client in an environment of its own, made on first use."""
    python, pinned = KSERVE / "bin" / "python", CLIENTS / "kserve.txt"
    complete = KSERVE / ".complete"
    if not complete.exists() or complete.stat().st_mtime < pinned.stat().st_mtime:
        uv = [sys.executable, "-m", "uv"]
        make = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(KSERVE)]
        install = [*uv, "pip", "install", "--quiet", "--python", str(python)]
        for command in (make, [*install, "--requirement", str(pinned)]):
            subprocess.run(command, check=True)
        complete.touch()
    return str(python)


@pytest.mark.kserve
def test_kserves_clients(server: Server, kserve_python: str) -> None:
    say(kserve_python, "kserve_client.py", server.url, server.grpc)
