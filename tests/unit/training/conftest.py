"""A BentoML store of their own for the training tests, and tables to train on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer

from training import data, simulation


@pytest.fixture(autouse=True, scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Points BentoML at a temporary home; returns the folder of its model store."""
    home = tmp_path_factory.mktemp("bentoml")
    models = home / "models"
    models.mkdir()
    before = BentoMLContainer.bentoml_home.get()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        BentoMLContainer.bentoml_home.set(str(home))
        assert str(BentoMLContainer.model_store_dir.get()) == str(models)
        yield models
        BentoMLContainer.bentoml_home.set(before)


@pytest.fixture(scope="session")
def employees() -> data.Table:
    return simulation.attrition()


@pytest.fixture(scope="session")
def projects() -> data.Table:
    return simulation.topics()


def entries(store: Path) -> set[str]:
    """Everything in the store, so that tests can show that nothing was added."""
    return {str(path.relative_to(store)) for path in store.rglob("*")}
