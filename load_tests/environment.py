"""Where and when a run took place: without it, its numbers mean nothing."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from deploy.processes import ROOT
from framework.adapters.bentoml import home_folder
from framework.trees import library
from load_tests.data import Data
from load_tests.reference import Reference

LIBRARIES = (
    *("bentoml", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic"),
    *("lightgbm", "scikit-learn", "numpy", "pandas"),
)

# Load generator → the package that has it.
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client"}


def require_tools() -> None:
    """Makes sure that the load generators are installed.

    Raises:
        SystemExit: One is not; the message says how to install it.
    """
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        packages = " ".join(TOOLS[name] for name in missing)
        raise SystemExit(f"{' and '.join(missing)} not found: apt-get install {packages}")


def describe(reference: Reference, data: Mapping[str, Data]) -> dict[str, str]:
    """Returns what to state, name → value."""
    memory = psutil.virtual_memory().total / 2**30
    found = here("load_tests")
    return {
        **found,
        "CPU": f"{found['CPU']}, shared by server and load generator",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "wrk": _first_line(["wrk", "-v"]),
        "models": ", ".join(reference.tags.values()),
        "trees of `server`": _trees(),
        **{f"{name} rows": one.source for name, one in data.items()},
    }


def here(module: str) -> dict[str, str]:
    """Returns what every run of a module states: when, what, how and on which processor."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "command": shlex.join(["python", "-m", module, *_without_folders(sys.argv[1:])]),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
    }


def _trees() -> str:
    try:
        library.load([library.SHIPPED, home_folder() / library.FOLDER])
    except library.NoLibraryError as error:
        return f"scored by LightGBM: {error}"
    return "scored by compiled code, where the model suits it"


def _without_folders(arguments: list[str]) -> list[str]:
    """A page to be published should not show where on a disk somebody keeps their data."""
    return [re.sub(r"(^|[=,])/([^,]*/)?", r"\1", one) for one in arguments]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    commit = _first_line(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
    changed = _first_line(["git", "-C", str(ROOT), "status", "--porcelain", "-uno"])
    return f"{commit}, with uncommitted changes" if changed else commit


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else ""
