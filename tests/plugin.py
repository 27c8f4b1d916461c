"""Fixtures of the whole suite: a BentoML store of its own, trained models, running servers."""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

# BentoML reads its home when it is imported, so this comes before any import of it.
_HOME = tempfile.mkdtemp(prefix="bentoml-home-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["BENTOML_HOME"] = _HOME
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
for _name in list(os.environ):
    if _name.endswith("_MODEL") or _name.startswith("MODEL_SERVER_"):
        del os.environ[_name]
for _name in ("GRPC_PORT", "MODELS"):
    os.environ.pop(_name, None)

import bentoml  # noqa: E402
import psutil  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from framework.discovery import find_models  # noqa: E402
from framework.openmp import MissingOpenMPError, require_openmp  # noqa: E402
from tests.processes import Server  # noqa: E402
from tests.tables import write_table  # noqa: E402

pytest_plugins = ["tests.contract.fixtures"]

# How much input is generated. `make test` tries the same few examples in every run, whatever the
# load of the machine; `make test-thorough` many others each time.
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=500, deadline=None, print_blob=True)
settings.register_profile("fuzz", max_examples=11_000, deadline=None, print_blob=True)
settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    """Ends the run with one sentence where LightGBM cannot be loaded: every model is made of it."""
    runs_elsewhere = bool(config.getoption("numprocesses", None))

    def interrupt(number: int, frame: FrameType | None) -> None:
        """Ended from outside, a run still ends the servers that it has started."""
        if runs_elsewhere:
            # The tests run in these processes, which pytest-xdist would kill.
            for worker in psutil.Process().children():
                worker.terminate()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        require_openmp()
    except MissingOpenMPError as error:
        raise pytest.UsageError(str(error)) from None


def trained(package: str) -> dict[str, bentoml.Model]:
    """Trains every model of a package in the session's own store; by name.

    One that brings no data along is trained on a table made for the tests.
    """
    import training

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in find_models(package).items():
            data = str(write_table(model, Path(folder))) if model.data is None else None
            found[name] = training.train(model, data=data)
    return found


def pins(models: dict[str, bentoml.Model]) -> dict[str, str]:
    """The variables that have a server serve exactly these, whatever else a test trains."""
    return {f"{name.upper()}_MODEL": str(model.tag) for name, model in models.items()}


@contextlib.contextmanager
def pinned(models: dict[str, bentoml.Model]) -> Iterator[None]:
    """Has what is imported or started inside serve these models and no others."""
    others = {name: "" for name in os.environ if name.endswith("_MODEL")}
    with mock.patch.dict(os.environ, others):
        for name in others:
            del os.environ[name]
        os.environ.update(pins(models))
        yield


@pytest.fixture(scope="session")
def stored_models() -> dict[str, bentoml.Model]:
    """The models that `service.py` may serve, by name."""
    models = trained("models")
    os.environ.update(pins(models))
    return models


@pytest.fixture(scope="session")
def proof_models() -> dict[str, bentoml.Model]:
    """The models of `tests.models`, by name."""
    return trained("tests.models")


@pytest.fixture(scope="session")
def server(stored_models: dict[str, bentoml.Model]) -> Iterator[Server]:
    """This service as `bentoml serve` runs it, with two workers."""
    with Server.start(workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def proof_server(proof_models: dict[str, bentoml.Model]) -> Iterator[Server]:
    """The service of the proof models, with two workers."""
    with contextlib.ExitStack() as stack:
        with pinned(proof_models):
            start = Server.start("tests.models.service:ProofServer", workers=2)
            running = stack.enter_context(start)
        yield running


@pytest.fixture(scope="session")
def service_object(stored_models: dict[str, bentoml.Model]) -> Any:
    """The local service object, without any server."""
    from service import ModelServer

    return ModelServer()


@pytest.fixture(scope="session")
def proof_object(proof_models: dict[str, bentoml.Model]) -> Any:
    """The local object of the proof models' service."""
    with pinned(proof_models):
        from tests.models.service import ProofServer

        return ProofServer()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data files, named by TEST_DATA_DIR."""
    if not (folder := os.environ.get("TEST_DATA_DIR")):
        pytest.skip("TEST_DATA_DIR does not name the folder of the real data files")
    return Path(folder)
