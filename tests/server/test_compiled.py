"""A server says whether compiled trees score its models, and if not, why; the answers are equal."""

import os
import shutil
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest

from framework import Model
from framework.discovery import find_models
from framework.recipes.lightgbm import LightGBM
from tests.processes import Server
from tests.server.watching import Scrape
from tests.tools import require_tool

MODELS = find_models()
TREES = [model for model in MODELS.values() if isinstance(model, LightGBM)]
NOT_COMPILED = "there is no compiled code (`make compile`, where there is a C compiler)"
METRIC = "model_server_compiled"


@pytest.fixture
def bare_store(stored_models: dict[str, bentoml.Model], tmp_path: Path) -> Path:
    """A copy of the store, without what has been compiled."""
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", tmp_path / "models")
    return tmp_path


def answers(server: Server, model: LightGBM[Any, Any]) -> list[dict[str, object]]:
    body = {model.rows: model.sample}
    found: list[dict[str, object]] = httpx.post(
        f"{server.url}/{model.name}/predict", json=body, timeout=30
    ).json()
    return found


def told(server: Server, model: Model[Any, Any]) -> tuple[str, str | None]:
    found = httpx.get(f"{server.url}/models/{model.name}", timeout=30).json()
    return found["computed_by"], found["not_compiled"]


def test_models_of_trees_are_compiled(
    server: Server, stored_models: dict[str, bentoml.Model]
) -> None:
    require_tool("cc")
    scrape = Scrape(server)
    assert TREES
    for name, model in MODELS.items():
        is_compiled = model in TREES
        expected = "compiled trees" if is_compiled else model.framework
        assert told(server, model) == (expected, None)
        assert scrape.total(METRIC, model=str(stored_models[name].tag)) == is_compiled
    assert "is not compiled" not in server.output()


def test_without_a_library_it_is_said_once_and_the_answers_are_the_same(
    server: Server, stored_models: dict[str, bentoml.Model], bare_store: Path
) -> None:
    compiled = [answers(server, model) for model in TREES]

    with Server.start(workers=2, environment={"BENTOML_HOME": str(bare_store)}) as bare:
        for model, expected in zip(TREES, compiled, strict=True):
            tag = str(stored_models[model.name].tag)
            assert told(bare, model) == ("lightgbm", NOT_COMPILED)
            assert bare.output().count(f"Model {tag} is not compiled: {NOT_COMPILED}") == 1
            samples = [one.value for one in Scrape(bare).samples if one.name == METRIC]
            assert samples == [0.0] * len(TREES)
            assert answers(bare, model) == [
                pytest.approx(one, rel=1e-12, abs=1e-12) for one in expected
            ]
