"""Compiling the kernel, where there is a C compiler: `python compiler.py FOLDER`.

Nothing is needed but Python, so that an image's stage can do it.

A library is named by all it depends on (kernel, processor, compiler) and by its own content, and
appears whole or not at all.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.c")
# Processor → the oldest of its kind, for which the library is made: it runs on all later ones.
_BASELINES = {"x86_64": "x86-64", "aarch64": "armv8-a"}
_OPTIONS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fPIC", "-shared")
_SECONDS = 60


class CompileError(Exception):
    """There is no library; the message says why."""


def library_prefix() -> str:
    """Returns what the names of this machine's libraries begin with: kernel and processor.

    Raises:
        CompileError: The kernel is not for this kind of processor.
    """
    if (machine := platform.machine()) not in _BASELINES or sys.platform != "linux":
        raise CompileError(
            f"trees are compiled for Linux on {' and '.join(_BASELINES)}, not {machine}"
        )
    return f"trees-{_short(SOURCE.read_bytes() + repr(_OPTIONS).encode())}-{machine}-"


def digest_in(name: str) -> str:
    """Returns the SHA-256 that a library's name says its content has."""
    return name.removesuffix(".so").rpartition("-")[2]


def compiled_into(folder: Path) -> Path:
    """Returns the library in a folder, compiled now unless it is there already.

    Raises:
        CompileError: There is no compiler, it fails, or the folder cannot be written.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise CompileError("there is no C compiler (apt-get install gcc libc6-dev)")
    prefix = library_prefix() + _short(_run(compiler, "--version").encode()) + "-"
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for found in sorted(folder.glob(f"{prefix}*.so")):
            if hashlib.sha256(found.read_bytes()).hexdigest() == digest_in(found.name):
                return found
        with tempfile.TemporaryDirectory(dir=folder, prefix="new-") as fresh:
            made = Path(fresh) / "trees.so"
            target = f"-march={_BASELINES[platform.machine()]}"
            _run(compiler, *_OPTIONS, target, "-o", str(made), str(SOURCE), "-lm")
            digest = hashlib.sha256(made.read_bytes()).hexdigest()
            made.chmod(0o644)
            return made.replace(folder / f"{prefix}{digest}.so")
    except OSError as error:
        raise CompileError(f"{folder} cannot be written ({error.strerror})") from error


def _run(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, but for the user's own CC
            command, check=False, capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompileError(f"{command[0]} fails: {error}") from error
    if done.returncode:
        raise CompileError(f"{command[0]} fails: {done.stderr.strip().partition(os.linesep)[0]}")
    return done.stdout


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{compiled_into(Path(sys.argv[1]))}\n")
    except CompileError as error:
        sys.exit(f"Trees are not compiled: {error}.")
