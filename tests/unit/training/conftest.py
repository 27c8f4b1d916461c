"""The model store as a folder, and tables to train on."""

import os
from pathlib import Path

import pytest

from training import data, simulation


@pytest.fixture(scope="session")
def store() -> Path:
    """Folder of the session's model store."""
    folder = Path(os.environ["BENTOML_HOME"]) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def employees() -> data.Table:
    return simulation.attrition()


@pytest.fixture(scope="session")
def projects() -> data.Table:
    return simulation.topics()


def entries(store: Path) -> set[str]:
    """Everything in the store, so that tests can show that nothing was added."""
    return {str(path.relative_to(store)) for path in store.rglob("*")}
