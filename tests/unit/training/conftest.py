"""The model store as a folder, and small models with tables to train them on."""

import hashlib
import os
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pandas as pd
import pytest

from framework.discovery import find_models
from framework.model import Model
from training import train
from training.__main__ import main
from training.data import of_source

TOYS = "tests.unit.training.toys"
NAMES = ["houses", "loans", "notes", "plants"]
Toys = dict[str, Model[Any, Any]]
Files = dict[str, Path]
Stored = dict[str, bentoml.Model]


@pytest.fixture(scope="session")
def store() -> Path:
    """Folder of the session's model store."""
    folder = Path(os.environ["BENTOML_HOME"]) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def toys() -> Toys:
    """The small models, by name."""
    return find_models(TOYS)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A CSV file for each of the small models."""
    folder = tmp_path_factory.mktemp("tables")
    paths = {}
    for name, model in find_models(TOYS).items():
        paths[name] = folder / f"{name}.csv"
        if model.data is not None:
            paths[name].write_bytes(of_source(model.data).content)
    plants().to_csv(paths["plants"], index=False)
    return paths


@pytest.fixture(scope="session")
def models(toys: Toys, files: Files, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Each small model, trained on what it brings along, with its report beside it."""
    folder = tmp_path_factory.mktemp("reports")
    return {
        name: train(
            model,
            data=None if model.data else str(files[name]),
            tag="base",
            report=folder / f"{name}.html",
        )
        for name, model in toys.items()
    }


def plants() -> pd.DataFrame:
    """Rows for the small model that brings none along."""
    rng = np.random.default_rng(5)
    water, light = rng.uniform(0, 9, (2, 120)).round(3)
    noise = rng.normal(0, 0.5, (2, 120))
    return pd.DataFrame(
        {
            "water": water,
            "light": light,
            "height": (20 + 3 * water + light + noise[0]).round(2),
            "leaves": (2 * light + noise[1]).round(2),
        }
    )


def sha256(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entries(store: Path) -> set[str]:
    """Everything in the store, so that tests can show that nothing was added."""
    return {str(path.relative_to(store)) for path in store.rglob("*")}


def check_refused(
    arguments: list[str], expected: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    """Shows that training refuses, and returns what it says."""
    before = entries(store)
    assert main(arguments, package=TOYS) == 1
    message = capsys.readouterr().err
    for part in expected:
        assert part in message
    assert f"Nothing was stored for {arguments[0]}." in message
    assert "Traceback" not in message
    assert "np." not in message
    assert entries(store) == before
    return message
