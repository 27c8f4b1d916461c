"""Building the image of a Bento, and measuring it."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import bentoml

from deploy.bento import MEGABYTE, ROOT
from deploy.engine import Engine
from deploy.running import Container
from framework.adapters.bentoml import docker_base_image

DEFAULT_NAME = "model-server"
DEFAULT_MONITOR_NAME, DEFAULT_TRAINER_NAME = "model-monitor", "model-trainer"
_BASE_IMAGE_SCRIPT = ROOT / "deploy" / "container" / "base-image"


def build_image(bento: bentoml.Bento, name: str, engine: Engine) -> None:
    """Builds the image of a Bento with `bentoml containerize`.

    Args:
        bento: The Bento.
        name: Name and tag of the image.
        engine: What builds it.
    """
    if engine.runs_containers:
        base_image = docker_base_image(bento)
        subprocess.run([_BASE_IMAGE_SCRIPT, base_image, engine.name], check=True)
    build: Any = bentoml.container.build  # each backend has options of its own
    options: dict[str, Any] = {"label": _labels(bento)}
    if engine.name != "docker":
        # Docker's format, because the other one has no health check; the host's network, because
        # a machine that is itself a container may not be able to make a build one of its own.
        options |= {"format": "docker", "network": "host"}
    # BentoML reads the template from a copy of the Bento in the temporary folder, and refuses
    # a file that is not below the current one.
    with contextlib.chdir(tempfile.gettempdir()):
        build(bento.tag, backend=engine.name, image_tag=(name,), **options)


def build_monitor_image(server: str, name: str, engine: Engine) -> None:
    """Builds, of a server's image, that of `python -m monitoring` for the models in it.

    Args:
        server: Name and tag of the server's image.
        name: Name and tag of the new one.
        engine: What builds it.
    """
    _build_upon(f"SERVER={server}", name, "monitoring", ["monitoring"], engine)


def build_trainer_image(monitor: str, name: str, engine: Engine) -> None:
    """Builds, of the image that watches, that of `python -m registry retrain`.

    Args:
        monitor: Name and tag of the image of `python -m monitoring`.
        name: Name and tag of the new one.
        engine: What builds it.
    """
    _build_upon(f"MONITOR={monitor}", name, "training", ["training", "registry"], engine)


def _build_upon(base: str, name: str, kind: str, packages: list[str], engine: Engine) -> None:
    file = ROOT / "deploy" / "container" / f"{kind}.Dockerfile"
    requirements = {"monitoring": "monitoring", "training": "train"}[kind]
    with tempfile.TemporaryDirectory() as context:
        # The folder of the repository would be sent to Docker as a whole, its `.venv` too.
        shutil.copy(ROOT / f"requirements-{requirements}.txt", context)
        unneeded = shutil.ignore_patterns("__pycache__")
        for package in packages:
            shutil.copytree(ROOT / package, Path(context) / package, ignore=unneeded)
        options = [f"--build-arg={base}", f"--tag={name}", f"--file={file}"]
        if engine.name != "docker":
            options += ["--format=docker", "--network=host"]
        engine.run("build", *options, context)


def image_size(name: str, engine: Engine) -> int:
    """Returns the bytes that an image holds, all layers together."""
    return int(engine.run("image", "inspect", name, "--format", "{{.Size}}"))


def describe_image(name: str, engine: Engine) -> str:
    """Tells size and time to ready, one a line; starts the image once for the latter."""
    if not engine.runs_containers:
        return f"image   {name}"
    size = image_size(name, engine) / MEGABYTE
    started = time.monotonic()
    with Container.start(engine, name) as container:
        container.wait_until_ready()
        seconds = time.monotonic() - started
    return f"image   {name}\nsize    {size:.0f} MB\nready   {seconds:.1f} s after start"


def _labels(bento: bentoml.Bento) -> dict[str, str]:
    """What the template cannot know: the Bento's version and, in a git work tree, the commit."""
    labels = {"org.opencontainers.image.version": str(bento.tag.version)}
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if not git.returncode:
        labels["org.opencontainers.image.revision"] = git.stdout.strip()
    return labels
