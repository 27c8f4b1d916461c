"""A server that cannot serve right does not start, and says why."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
import pytest

from deploy.processes import ROOT
from models.card import CARD_FILE, GoldenExample, ModelCard
from tests.processes import Server

Change = Callable[[ModelCard], ModelCard]


def start_refused(environment: dict[str, str]) -> str:
    """Starts a server that must end at once; returns what it wrote."""
    command = [sys.executable, "-m", "bentoml", "serve", "service:ModelServer", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MODEL_SERVER_GRPC_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    return ended.stdout + ended.stderr


@pytest.fixture
def store(stored_models: dict[str, bentoml.Model], tmp_path: Path) -> Path:
    """A copy of the store, to be spoilt."""
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", tmp_path / "models")
    return tmp_path


def _change_card(store: Path, model: bentoml.Model, change: Change) -> None:
    path = store / "models" / model.tag.name / str(model.tag.version) / CARD_FILE
    card = change(ModelCard.model_validate_json(path.read_bytes()))
    path.write_text(card.model_dump_json())


def test_a_model_that_does_not_reproduce_its_golden_examples_is_refused(
    store: Path, stored_models: dict[str, bentoml.Model]
) -> None:
    def spoil(card: ModelCard) -> ModelCard:
        first, *rest = card.golden
        prediction = {**first.prediction, "probability": 0.123}
        return card.model_copy(
            update={"golden": [GoldenExample(record=first.record, prediction=prediction), *rest]}
        )

    _change_card(store, stored_models["attrition"], spoil)

    output = start_refused({"BENTOML_HOME": str(store)})

    assert "does not reproduce golden example 0" in output


def test_a_model_of_another_major_version_is_refused(
    store: Path, stored_models: dict[str, bentoml.Model]
) -> None:
    _change_card(
        store,
        stored_models["topics"],
        lambda card: card.model_copy(update={"versions": {"scikit-learn": "0.24.2"}}),
    )

    output = start_refused({"BENTOML_HOME": str(store)})

    assert "was made with scikit-learn 0.24.2" in output
    assert "another major version" in output


def test_an_empty_store_is_refused_with_the_next_step(tmp_path: Path) -> None:
    output = start_refused({"BENTOML_HOME": str(tmp_path)})

    assert "python -m training attrition" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("WORKERS", "none", "WORKERS: Input should be a valid integer"),
        ("MODEL_SERVER_MAX_BODY_BYTES", "-1", "MODEL_SERVER_MAX_BODY_BYTES: Input should be"),
        ("MODEL_SERVER_MAX_BODY", "1", "MODEL_SERVER_MAX_BODY is unknown"),
    ],
)
def test_invalid_settings_stop_the_start(
    stored_models: dict[str, bentoml.Model], name: str, value: str, complaint: str
) -> None:
    output = start_refused({name: value})

    assert complaint in output
    assert "Traceback" not in output


def test_the_served_model_can_be_chosen_by_tag(stored_models: dict[str, bentoml.Model]) -> None:
    import requests

    import training

    older = str(stored_models["topics"].tag)
    training.train("topics", seed=1)

    with Server.start(environment={"TOPICS_MODEL": older}) as server:
        assert requests.get(f"{server.url}/models/topics", timeout=5).json()["tag"] == older
