"""The README's commands, executed in their order, and the answers it shows."""

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np
import pandas as pd
import pytest

from deploy.processes import ROOT, START_DEADLINE_SECONDS, free_port, is_ready, wait_until
from framework.discovery import find_model, model_names
from tests.console import Command, commands, run
from tests.copies import make_copy, reader_environment
from tests.tools import require_tool

# The answers are deterministic; between processors a sum may differ in its last digits.
TOLERANCE = 1e-6


README = ROOT / "README.md"
COMMANDS = commands(README)
# The samples that it speaks of, which may have been deleted.
GONE = set(re.findall(r"\]\(models/(\w+)/", README.read_text("utf-8"))) - set(model_names())
# Executed by the fixture that the other commands need, and by whoever runs this test.
BY_OTHERS = ["make serve", "make test"]


def test_the_readme_names_its_two_commands() -> None:
    assert [command.line for command in COMMANDS][:2] == BY_OTHERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy like a clone, holding the reader's own data too."""
    folder = make_copy(tmp_path_factory.mktemp("clone"))
    for name, file in re.findall(r"-m training (\w+) --data (\S+)", README.read_text("utf-8")):
        if name not in model_names():
            continue
        source = find_model(name).data
        assert source is not None
        frame = pd.DataFrame(source.load())
        # Every fifth row is held out, where a command has a file for it.
        frame[::5].to_csv(folder / "holdout.csv", index=False)
        frame.drop(frame.index[::5]).to_csv(folder / file, index=False)
    customers().to_csv(folder / "customers.csv", index=False)
    booster().save_model(folder / "model.txt")
    return folder


def customers() -> pd.DataFrame:
    """A table such as the README speaks of: who has left, and who not."""
    rng = np.random.default_rng(7)
    count = 600
    months = rng.integers(1, 72, count)
    plan = rng.choice(["basic", "plus", "family"], count)
    calls = rng.poisson(2, count)
    left = rng.random(count) < 1 / (1 + np.exp(months / 12 - calls))
    return pd.DataFrame(
        {
            "months": months,
            "plan": plan,
            "monthly_charge": rng.normal(40, 12, count).clip(5).round(2),
            "support_calls": calls,
            "churned": np.where(left, "yes", "no"),
        }
    )


def booster() -> lightgbm.Booster:
    """A model of these customers, fitted by somebody who has never heard of this project."""
    frame = customers()
    frame["plan"] = frame["plan"].map(sorted(frame["plan"].unique()).index).astype(int)
    data = lightgbm.Dataset(frame.drop(columns="churned"), frame["churned"] == "yes")
    return lightgbm.train({"objective": "binary", "num_threads": 1, "verbosity": -1}, data, 20)


@pytest.fixture(scope="module")
def home(stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the models, to which the README's training may add."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", home / "models")
    return home


@pytest.fixture(scope="module")
def served(folder: Path, home: Path) -> Iterator[dict[str, str]]:
    """The README's addresses → those of the server that `make serve` starts."""
    port, grpc_port = free_port(), free_port()
    environment = {**reader_environment(home), "PORT": str(port), "GRPC_PORT": str(grpc_port)}
    process = subprocess.Popen(
        ["make", "serve"], cwd=folder, env=environment, start_new_session=True
    )

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
    if command.line.startswith("curl") or command.line.endswith(".sh"):
        require_tool("curl")
    if GONE and ("examples/" in command.line or GONE & set(re.findall(r"\w+", command.line))):
        pytest.skip(f"it asks samples, of which {', '.join(sorted(GONE))} have been deleted")

    line = re.sub("|".join(served), lambda address: served[address[0]], command.line)
    output = run(line, folder, reader_environment(home), timeout=180)
    assert_like(output.strip(), command.shown.strip())


def test_every_example_is_run() -> None:
    lines = " ".join(command.line for command in COMMANDS)
    examples = [path.name for path in (ROOT / "examples").iterdir() if path.is_file()]
    assert [name for name in examples if f"examples/{name}" not in lines] == []


def assert_like(actual: str, shown: str) -> None:
    """Compares an output with the one shown: JSON by value, other lines by pattern."""
    if shown.startswith(("{", "[")) and "\n" not in shown:
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
