"""The README's commands, executed in their order, and the answers it shows."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest

from deploy.processes import ROOT, START_DEADLINE_SECONDS, free_port, is_ready, wait_until
from tests.console import Command, commands, run
from tests.tools import require_tool
from training import simulation

# The answers are deterministic; between processors a sum may differ in its last digits.
TOLERANCE = 1e-6


COMMANDS = commands(ROOT / "README.md")
# Executed by the fixture that the other commands need, and by whoever runs this test.
BY_OTHERS = ["make serve", "make test"]


def test_the_readme_names_its_two_commands() -> None:
    assert [command.line for command in COMMANDS][:2] == BY_OTHERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone's, holding the reader's own data too."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        (folder / entry.name).symlink_to(entry)
    simulation.attrition().frame.to_csv(folder / "employees.csv", index=False)
    projects = simulation.topics().frame
    projects[::5].to_csv(folder / "holdout.csv", index=False)
    projects.drop(projects.index[::5]).to_csv(folder / "projects.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def home(stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the two models, to which the README's training may add."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", home / "models")
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[dict[str, str]]:
    """The README's addresses → those of the server that `make serve` starts."""
    port, grpc_port = free_port(), free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "GRPC_PORT": str(grpc_port),
        "BENTOML_HOME": str(home),
    }
    process = subprocess.Popen(["make", "serve"], cwd=ROOT, env=environment, start_new_session=True)

    def ready() -> bool:
        assert process.poll() is None, "make serve has ended"
        return is_ready(f"http://127.0.0.1:{port}")

    try:
        wait_until(ready, START_DEADLINE_SECONDS, "make serve was not ready")
        yield {"localhost:3000": f"localhost:{port}", "localhost:3001": f"localhost:{grpc_port}"}
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(START_DEADLINE_SECONDS)


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if command.line not in BY_OTHERS],
    ids=lambda command: urllib.parse.quote(command.line[:60], safe=" /:.=-$"),
)
def test_a_command_of_the_readme_does_what_it_shows(
    command: Command, served: dict[str, str], folder: Path, home: Path
) -> None:
    if command.line.startswith("curl"):
        require_tool("curl")
    environment = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    line = re.sub("|".join(served), lambda address: served[address[0]], command.line)
    output = run(line, folder, environment, timeout=120)
    assert_like(output.strip(), command.shown.strip())


def assert_like(actual: str, shown: str) -> None:
    """Compares an output with the one shown: JSON by value, other lines by pattern."""
    if shown.startswith(("{", "[")):
        _assert_same_value(json.loads(actual), json.loads(shown))
        return
    pattern = ".*".join(re.escape(part) for part in shown.replace("\r", "").split("…"))
    assert re.fullmatch(pattern, actual.replace("\r", ""), re.DOTALL), actual


def _assert_same_value(actual: Any, shown: Any) -> None:
    if shown == "…":
        return
    if isinstance(shown, dict):
        assert list(actual) == list(shown)
        for key in shown:
            _assert_same_value(actual[key], shown[key])
    elif isinstance(shown, list):
        assert len(actual) == len(shown)
        for one, other in zip(actual, shown, strict=True):
            _assert_same_value(one, other)
    elif isinstance(shown, float):
        assert actual == pytest.approx(shown, abs=TOLERANCE)
    else:
        assert actual == shown
