"""Tables, and a place like the repository for what is made of them."""

import importlib
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from framework import Model
from framework.discovery import ROOT
from framework.scaffold.table import Column

SERVICE = '''"""The Bento service: which models are served, and under which typed APIs."""

import bentoml

from serving import ServedModels, load_settings

SETTINGS = load_settings()
MODELS = ServedModels.select()


@bentoml.service(name="model_server", envs=MODELS.environment)
@MODELS.attach
class ModelServer:
    """Predictions of typed models."""

    def __init__(self) -> None:
        self.models = MODELS.load()

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Ends a start that would fail."""
        MODELS.load()
'''

ROWS = 60


def column(values: list[Any], name: str = "size") -> Column:
    """A column of a table, with these values over and over."""
    return Column(name, [values[at % len(values)] for at in range(max(ROWS, len(values)))])


def flowers() -> pd.DataFrame:
    """A table with a column of each kind, and targets of each kind."""
    draw = random.Random(0)
    colours = ["red", "white", "yellow"]
    frame = pd.DataFrame(
        {
            "Petal length (cm)": [round(draw.uniform(0.5, 7.0), 2) for _ in range(ROWS)],
            "share": [round(draw.random(), 3) for _ in range(ROWS)],
            "leaves": [draw.randrange(3, 40) for _ in range(ROWS)],
            "height": [None if draw.random() < 0.2 else draw.randrange(100) for _ in range(ROWS)],
            "wild": [draw.choice([True, False]) for _ in range(ROWS)],
            "colour": [draw.choice(colours) for _ in range(ROWS)],
            "class": [draw.choice("ab") for _ in range(ROWS)],
            "told": [f"a {draw.choice(colours)} flower number {at}" for at in range(ROWS)],
        }
    )
    frame["kind"] = ["rose" if wild else "tulip" for wild in frame["wild"]]
    frame["garden"] = [at % 3 for at in range(ROWS)]
    frame["weight"] = frame["share"] * 3.25
    return frame


def contents(place: Path) -> dict[str, bytes]:
    """Files of the place, by their paths."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@contextmanager
def imported(place: Path, name: str) -> Iterator[Model[Any, Any]]:
    """A model of the place, imported."""
    package = importlib.import_module("models")
    package.__path__.insert(0, str(place / "models"))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(f"models.{name}").MODEL
    finally:
        package.__path__.remove(str(place / "models"))
        del sys.modules[f"models.{name}"]
        delattr(package, name)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The file of a table."""
    path = tmp_path / "flowers.csv"
    flowers().to_csv(path, index=False)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder like the repository's, with a service and no model in it."""
    folder = tmp_path / "repository"
    folder.joinpath("models").mkdir(parents=True)
    shutil.copy(ROOT / "models" / "__init__.py", folder / "models")
    shutil.copy(ROOT / "pyproject.toml", folder)
    folder.joinpath("service.py").write_text(SERVICE)
    return folder
