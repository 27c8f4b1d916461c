"""Small disks that a command finds in place of a folder, and that go away with it."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.tools import require_tool

_MOUNT = 'mount -t tmpfs -o "size=$0" tmpfs "$1" && shift && exec "$@"'
_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def on_a_small_disk(folder: Path, size: str, command: Sequence[str]) -> list[str]:
    """Returns the command that runs another one with a disk of so many bytes at a folder.

    The disk is there for that command alone, and is gone when it has ended. Other processes reach
    it as `/proc/<pid>/root/<folder>`.
    """
    return [*_namespace(), _MOUNT, size, str(folder), *command]


def on_a_read_only_disk(folder: Path, command: Sequence[str]) -> list[str]:
    """Returns the command that runs another one, which cannot write below a folder."""
    return [*_namespace(), _READ_ONLY, "", str(folder), *command]


def fill(folder: Path) -> None:
    """Takes all the room that is left."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (2**16, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def _namespace() -> list[str]:
    """The beginning of a command with mounts of its own, or a skipped test."""
    alone = [require_tool("unshare"), "--mount" if os.geteuid() == 0 else "--map-root-user"]
    alone += [] if os.geteuid() == 0 else ["--mount"]
    tried = subprocess.run([*alone, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"mounting a disk needs root's rights: {tried.stderr.strip()}")
    return [*alone, "sh", "-c"]


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """Lets this process's files not grow, as on a full disk; what fails says "File too large"."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
