"""The container engine of this machine."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONTAINERS_CONF = Path(__file__).parent / "container" / "containers.conf"


@dataclass(frozen=True)
class Engine:
    """A program that builds images and, unless it is buildah, runs them."""

    name: str

    def run(self, *arguments: str) -> str:
        """Runs the program and returns what it prints.

        Raises:
            RuntimeError: It failed; the message is its own.
        """
        result = subprocess.run(
            [self.name, *arguments], check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise RuntimeError(f"{self.name} {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout.strip()

    def succeeds(self, *arguments: str) -> bool:
        """Whether the program ends well with these arguments."""
        result = subprocess.run([self.name, *arguments], check=False, capture_output=True)
        return result.returncode == 0

    @property
    def runs_containers(self) -> bool:
        """Whether it can also run what it builds."""
        return self.name != "buildah"


def find_engine() -> Engine:
    """Returns the engine that CONTAINER_ENGINE names, or the first that works here.

    Raises:
        RuntimeError: None does.
    """
    # A machine with both versions of cgroups needs settings of its own for podman and buildah.
    if Path("/sys/fs/cgroup/unified").is_dir():
        os.environ.setdefault("CONTAINERS_CONF", str(CONTAINERS_CONF))
    named = os.environ.get("CONTAINER_ENGINE")
    for name in (named,) if named else ("docker", "podman", "buildah"):
        engine = Engine(name)
        # `info` asks Docker's daemon too: its client alone builds nothing.
        if shutil.which(name) and engine.succeeds("info"):
            return engine
    raise RuntimeError("None of docker, podman and buildah works on this machine")
