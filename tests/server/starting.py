"""Starts that are refused."""

import os
import subprocess
import sys

from deploy.processes import ROOT, START_DEADLINE_SECONDS

PLANE = "tests.server.toy_plane:Plane"
"""A service of models that needs none of the libraries of training: it starts in half the time."""


def start_refused(
    environment: dict[str, str], *options: str, target: str = "service:ModelServer"
) -> str:
    """Starts a server that must end at once; returns the one line that it wrote."""
    ended = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", target, *(options or ("--port", "0"))],
        cwd=ROOT,
        env={**os.environ, "MODEL_SERVER_GRPC_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=START_DEADLINE_SECONDS,
        check=False,
    )
    assert ended.returncode != 0
    (line,) = (ended.stdout + ended.stderr).strip().splitlines()
    return line
