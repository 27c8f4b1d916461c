"""A promotion that a server is asked for: all that `python -m registry promote` wants, and does."""

import asyncio
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from serving.errors import Code, ServingError

_ROOT = Path(__file__).parents[2]
# The registry, and of its requirements one that the server does without.
_NEEDED = ("registry", "alembic")
_LATE = 1


async def promote(tag: str, reason: str, seconds: float) -> None:
    """Has the registry make a version champion, and waits until the servers of this home serve it.

    It runs as a process of its own: a server has neither its database nor its requirements.

    Args:
        tag: Exact tag of the version.
        reason: Why, for the history.
        seconds: How long workers may take.

    Raises:
        ServingError: It does not, for what the registry says; or it takes longer.
    """
    if not all(map(find_spec, _NEEDED)):
        raise ServingError(
            Code.REFUSED,
            f"To load {tag} is to promote it, and the registry is not here, or lacks its "
            f"requirements (requirements-monitoring.txt): run `python -m registry promote {tag}` "
            "where it is.",
        )
    command = [sys.executable, "-m", "registry", "promote", tag]
    options = ["--reason", reason, "--wait", f"{seconds:g}"]
    try:
        async with asyncio.timeout(seconds):
            ended = await asyncio.to_thread(_run, [*command, *options])
    except TimeoutError:
        raise ServingError(
            Code.DEADLINE_EXCEEDED,
            f"{tag} was not promoted within {seconds:g} s; the registry goes on, and its history "
            "tells how it ends.",
        ) from None
    if ended.returncode:
        said = ended.stderr.strip().rpartition("\n")[2]
        late = ended.returncode == _LATE
        raise ServingError(Code.DEADLINE_EXCEEDED if late else Code.REFUSED, said)


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
    # Whoever has this folder is counted as a worker.
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    return subprocess.run(  # noqa: S603 - no shell, and of the request only a version's pattern
        command, env=environment, capture_output=True, text=True, check=False
    )
