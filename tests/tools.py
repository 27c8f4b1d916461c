"""Programs that tests need and a machine may lack."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL: Mapping[str, str] = {
    "cc": "apt-get install gcc",
    "chromium": "apt-get install chromium",
    "curl": "apt-get install curl",
    "haproxy": "apt-get install haproxy",
    # Debian's own is too old to know Kustomize's components.
    "kubectl": ".venv/bin/python .ci/kubectl.py .venv/bin/kubectl",
    "nginx": "apt-get install nginx",
    "npm": "apt-get install npm",
    "objdump": "apt-get install binutils",
    "openssl": "apt-get install openssl",
    "podman": "apt-get install podman",
    "postgres": "apt-get install postgresql",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "redis-server": "apt-get install redis-server",
    "strace": "apt-get install strace",
    "unshare": "apt-get install util-linux",
    "wrk": "apt-get install wrk",
}
"""Program → the command that installs it."""

# Debian puts proxies where only root's PATH leads, and databases where none does.
ADMINISTRATION = "/usr/sbin"
DATABASES = Path("/usr/lib/postgresql")


def search_path() -> str:
    """Returns the folders of programs: this environment's own, the PATH, those of Debian."""
    own = str(Path(sys.executable).parent)
    databases = map(str, sorted(DATABASES.glob("*/bin"), reverse=True))
    return os.pathsep.join([own, os.environ["PATH"], ADMINISTRATION, *databases])


def require_tool(name: str) -> str:
    """Returns the path of a program; the test that lacks it is skipped, or fails in CI.

    Args:
        name: One of `INSTALL`.
    """
    found = shutil.which(name, path=search_path())
    return found or lacking(f"{name} is not on the PATH", name)


def lacking(what: str, name: str) -> NoReturn:
    """Skips the test, and tells how to have it run; where CI is `true`, fails it.

    Args:
        what: What the machine lacks.
        name: The program of `INSTALL` that helps.
    """
    reason = f"{what}: {INSTALL[name]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
