"""Fixtures of the whole suite: a BentoML store of its own, trained models, a running server."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# BentoML reads its home when it is imported, so this comes before any import of it.
_HOME = tempfile.mkdtemp(prefix="bentoml-home-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["BENTOML_HOME"] = _HOME
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
for _name in list(os.environ):
    if _name.endswith("_MODEL") or _name.startswith("MODEL_SERVER_") or _name == "GRPC_PORT":
        del os.environ[_name]

import bentoml  # noqa: E402
import pytest  # noqa: E402

from framework.openmp import MissingOpenMPError, require_openmp  # noqa: E402
from tests.processes import Server  # noqa: E402

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """Ends the run with one sentence where LightGBM cannot be loaded: every model is made of it."""
    try:
        require_openmp()
    except MissingOpenMPError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def stored_models() -> dict[str, bentoml.Model]:
    """Both models, trained on the simulation, in the session's own store."""
    import training

    models = {name: training.train(name) for name in ("attrition", "topics")}
    # Whatever else a test trains, these are the ones that servers serve.
    os.environ.update({f"{name.upper()}_MODEL": str(model.tag) for name, model in models.items()})
    return models


@pytest.fixture(scope="session")
def server(stored_models: dict[str, bentoml.Model]) -> Iterator[Server]:
    """This service as `bentoml serve` runs it, with two workers."""
    with Server.start(workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def service_object(stored_models: dict[str, bentoml.Model]) -> Any:
    """The local service object, without any server."""
    from service import ModelServer

    return ModelServer()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data files, named by TEST_DATA_DIR."""
    if not (folder := os.environ.get("TEST_DATA_DIR")):
        pytest.skip("TEST_DATA_DIR does not name the folder of the real data files")
    return Path(folder)
