"""Copies of the repository in which commands may write, as a reader would run them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.processes import ROOT


def make_copy(folder: Path) -> Path:
    """Copies what a clone would have, and what is new in the work tree, with its environment.

    Times are kept, so that `make` sees the environment as up to date as it is here.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # A link to the environment itself, wherever this run's interpreter lies in it.
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return folder


def reader_environment(home: Path) -> dict[str, str]:
    """Returns the environment of somebody who has just cloned: none of ours is on the PATH."""
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != own)
    left_out = ("PYTHONPATH", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not name.endswith("_MODEL")
    }
    return {**kept, "PATH": path, "BENTOML_HOME": str(home)}
