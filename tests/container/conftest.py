"""The real Bento and the real image, made once by the commands that people run."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bentoml
import pytest

import training
from deploy.engine import Engine, find_engine
from deploy.running import Container
from framework import Model
from tests.container.pods import Pod
from tests.tables import write_table
from tests.tools import lacking

ROOT = Path(__file__).parents[2]
IMAGE_NAME = "model-server-test"
UID = 10_001
CANARY = "canary-c1d7a9f0e3"  # a secret in the environment of the build; it must not get further
_MEASURED = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a container engine."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.container)


class Measured:
    """Collects what the tests measure; the run ends with it."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def __call__(self, what: str, figure: str) -> None:
        """Notes one figure."""
        self._lines.append(f"{what:<44} {figure}")


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Measured:
    """Where a test notes what it measured."""
    return Measured(pytestconfig.stash.setdefault(_MEASURED, []))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Prints what was measured."""
    if lines := config.stash.get(_MEASURED, None):
        terminalreporter.section("measured")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The machine's container engine."""
    try:
        engine = find_engine()
    except RuntimeError as error:
        lacking(str(error), "podman")
    if not engine.runs_containers:
        lacking(f"{engine.name} builds images but runs none", "podman")
    return engine


def deploy(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Runs `python -m deploy` as the Makefile does, and returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-5_000:]
    return result.stdout


def train_again(model: Model[Any, Any], folder: Path, seed: int) -> bentoml.Model:
    """Trains a model with another seed than that of the session's."""
    data = str(write_table(model, folder)) if model.data is None else None
    return training.train(model, data=data, seed=seed)


def volume(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Makes a folder that belongs to the user in the containers, as a volume does in a pod."""
    folder = tmp_path_factory.mktemp(name)
    os.chown(folder, UID, UID)
    return folder


def reported(output: str, what: str) -> str:
    """Returns what a report says of something, for example of `image`."""
    return next(
        line.removeprefix(what).strip() for line in output.splitlines() if line.startswith(what)
    )


@pytest.fixture(scope="session")
def image_report(
    engine: Engine, stored_models: dict[str, bentoml.Model], measured: Measured
) -> Iterator[str]:
    """What `make image` prints; the image is removed at the end."""
    report = deploy("image", "--name", IMAGE_NAME, environment={"REGISTRY_PASSWORD": CANARY})
    measured("image", reported(report, "image "))
    yield report
    engine.run("rmi", "--force", reported(report, "image "))


@pytest.fixture(scope="session")
def image(image_report: str) -> str:
    """Name of the image of all models."""
    return reported(image_report, "image ")


def built_upon(image: str, command: str, engine: Engine, measured: Measured) -> Iterator[str]:
    """Builds an image upon another by a command of `python -m deploy`; removes it afterwards."""
    report = deploy(command, image)
    name = reported(report, "image ")
    measured(name, reported(report, "size "))
    yield name
    engine.run("rmi", "--force", name)


@pytest.fixture(scope="session")
def monitor_image(engine: Engine, image: str, measured: Measured) -> Iterator[str]:
    """The image of what watches, made of the server's."""
    yield from built_upon(image, "monitor-image", engine, measured)


@pytest.fixture(scope="session")
def bento(image_report: str) -> bentoml.Bento:
    """The Bento that the image holds."""
    return bentoml.bentos.get(reported(image_report, "Bento "))


@pytest.fixture(scope="session")
def container(engine: Engine, image: str) -> Iterator[Container]:
    """One ready container, for tests that leave it as it is."""
    with Container.start(engine, image) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="session")
def pod(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """The pod that the Kubernetes manifests describe."""
    with Pod.start(engine, image, tmp_path_factory.mktemp("pod")) as running:
        yield running
