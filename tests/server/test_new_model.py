"""A clone without its samples, and with a model made by `new`: everything still holds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from framework.discovery import model_names
from tests.console import run
from tests.copies import make_copy, reader_environment

pytestmark = pytest.mark.copy
# In two parts: no file but the service names a model.
NAME = "_".join(["made", "here"])  # noqa: FLY002
PYTHON = ".venv/bin/python"
KNOW_NO_MODELS = [
    "server/differential",
    "server/fuzz",
    "server/plane",
    "server/transport",
    "unit/adapters",
    "unit/serving",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty BentoML home."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """A copy in which the models are gone but for a new one, which has missing values and texts."""
    folder = make_copy(tmp_path_factory.mktemp("copy"))
    table().to_csv(folder / "table.csv", index=False)
    environment = reader_environment(home)
    for name in model_names():
        run(f"{PYTHON} -m framework remove {name}", folder, environment, timeout=120)
    command = f"{PYTHON} -m framework new {NAME} --data table.csv --target outcome"
    run(command, folder, environment, timeout=120)
    return folder


def table() -> pd.DataFrame:
    """A small table with numbers, categories and gaps."""
    rng = np.random.default_rng(3)
    count = 400
    weight = rng.normal(70, 12, count).round(1)
    kind = rng.choice(["first", "second", "third"], count)
    outcome = np.where(weight + 15 * (kind == "second") + rng.normal(0, 5, count) > 75, "a", "b")
    weight[::9] = np.nan
    return pd.DataFrame({"weight (kg)": weight, "kind": kind, "outcome": outcome})


def test_new_touches_its_folder_and_the_service_alone(copy: Path) -> None:
    service = (copy / "service.py").read_text()
    assert f"predict_{NAME}" in service
    assert {path.name for path in (copy / "models").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == {NAME}


@pytest.mark.parametrize(
    "command",
    [
        ".venv/bin/ruff check",
        ".venv/bin/ruff format --check",
        ".venv/bin/mypy framework models training serving service.py",
        ".venv/bin/lint-imports",
        f"{PYTHON} -m framework protos --check",
        f"{PYTHON} -m training {NAME} --data table.csv",
    ],
)
def test_what_people_run_passes(copy: Path, home: Path, command: str) -> None:
    run(command, copy, reader_environment(home), timeout=300)


def test_whatever_knows_models_is_tested(copy: Path, home: Path) -> None:
    """What `make test` runs, less what has models of its own and is the same here."""
    # It makes copies of what Git knows.
    run("git init --quiet && git add --all", copy, reader_environment(home))
    left_out = " ".join(f"--ignore=tests/{folder}" for folder in KNOW_NO_MODELS)
    run(f"make test ARGS='--quiet {left_out}'", copy, reader_environment(home), timeout=1_200)
