"""Environments of their own for clients of others, made on first use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.processes import ROOT
from tests.tools import require_tool

PINNED = Path(__file__).parent / "clients"


def python_environment(name: str) -> Path:
    """Returns the folder of programs of an environment with what `clients/<name>.txt` pins."""
    folder, pinned = ROOT / f".venv-{name}", PINNED / f"{name}.txt"

    def make() -> None:
        uv = [sys.executable, "-m", "uv"]
        run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        # Whom the machine trusts, as pip does: somewhere, a proxy stands before the registry.
        install = [*uv, "pip", "install", "--quiet", "--system-certs"]
        install += ["--python", str(folder / "bin" / "python")]
        run([*install, "--requirement", str(pinned)])

    _once(folder, pinned, make)
    return folder / "bin"


def node_environment() -> Path:
    """Returns a folder with the packages that `clients/node` pins in its `node_modules`."""
    npm = require_tool("npm")
    folder, pinned = ROOT / ".venv-node", PINNED / "node" / "package-lock.json"

    def make() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pinned.parent, folder)
        run([npm, "ci", "--no-audit", "--no-fund", "--silent"], folder)

    _once(folder, pinned, make)
    return folder


def run(command: list[str], folder: Path | None = None, **environment: str) -> str:
    """Runs a command, which fails the test with what it wrote; returns its standard output.

    Args:
        command: The command.
        folder: Where to run it.
        **environment: Variables to set.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _once(folder: Path, pinned: Path, make: Callable[[], None]) -> None:
    """Makes a folder unless it was made, to its end, from what is pinned now."""
    complete, wanted = folder / ".complete", pinned.read_bytes()
    if not complete.exists() or complete.read_bytes() != wanted:
        make()
        complete.write_bytes(wanted)
