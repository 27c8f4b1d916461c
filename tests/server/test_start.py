"""A server does not start with a model it must not serve, and says why in one sentence."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bentoml
import grpc
import httpx
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from pydantic import JsonValue

from deploy.processes import ROOT, START_DEADLINE_SECONDS
from framework import ModelCard
from framework.card import CARD_FILE, GoldenExample
from framework.discovery import find_models
from tests.plugin import pins
from tests.processes import Server
from tests.server.starting import PLANE, start_refused
from tests.stored import without_hashes

MODELS = find_models()
TOYS = find_models("tests.server.toy_models")
Change = Callable[[ModelCard], ModelCard]


@pytest.fixture
def store(stored_models: dict[str, bentoml.Model], tmp_path: Path) -> Path:
    """A copy of the store, to be spoilt."""
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", tmp_path / "models")
    return tmp_path


@pytest.fixture
def spoilt(stored_models: dict[str, bentoml.Model]) -> bentoml.Model:
    """The model that a test spoils in the store."""
    return stored_models[next(iter(MODELS))]


def _card(store: Path, model: bentoml.Model) -> Path:
    return store / "models" / model.tag.path() / CARD_FILE


def _change_card(store: Path, model: bentoml.Model, change: Change) -> None:
    without_hashes(_card(store, model).parent, change)


def test_a_model_that_does_not_reproduce_its_golden_examples_is_refused(
    store: Path, spoilt: bentoml.Model
) -> None:
    def spoil(card: ModelCard) -> ModelCard:
        first, *rest = card.golden
        prediction: dict[str, JsonValue] = dict.fromkeys(first.prediction, "something else")
        return card.model_copy(
            update={"golden": [GoldenExample(record=first.record, prediction=prediction), *rest]}
        )

    _change_card(store, spoilt, spoil)

    assert "does not reproduce golden example 0" in start_refused({"BENTOML_HOME": str(store)})


def test_a_model_of_another_major_version_is_refused(store: Path, spoilt: bentoml.Model) -> None:
    _change_card(
        store,
        spoilt,
        lambda card: card.model_copy(update={"versions": {card.framework: "99.24.2"}}),
    )

    output = start_refused({"BENTOML_HOME": str(store)})

    assert re.search(r"was made with \S+ 99\.24\.2", output)
    assert "another major version" in output


def test_files_that_have_changed_are_refused_by_name(
    store: Path, stored_models: dict[str, bentoml.Model]
) -> None:
    for stored in stored_models.values():
        (path,) = (store / "models" / stored.tag.path()).glob("model.[ts]*")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    output = start_refused({"BENTOML_HOME": str(store)})

    for stored in stored_models.values():
        assert f"Model {stored.tag} is not what was stored: model." in output


def test_a_broken_record_of_bentoml_is_refused(store: Path, spoilt: bentoml.Model) -> None:
    path = _card(store, spoilt).with_name("model.yaml")
    path.write_text(path.read_text().replace("creation_time: '", "creation_time: 'then, "))

    output = start_refused({"BENTOML_HOME": str(store)})

    assert f"The BentoML store cannot give model {spoilt.tag} (" in output


def test_an_empty_store_is_refused_with_the_next_step(
    toys_served: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    output = start_refused({"BENTOML_HOME": str(tmp_path)}, target=PLANE)

    for name in TOYS:
        assert f"The BentoML store has no model {name}:" in output
        assert f"python -m training {name}" in output
    assert "serves the others" not in output


@pytest.fixture
def toy_store(toys_served: dict[str, bentoml.Model], store: Path) -> dict[str, str]:
    """The environment of a server of the toy models, with a copy of the store."""
    return {"BENTOML_HOME": str(store), **pins(toys_served)}


def test_a_model_without_a_card_is_refused_and_the_others_can_be_served(
    toy_store: dict[str, str], toys_served: dict[str, bentoml.Model]
) -> None:
    left_out, *others = toys_served
    # As `bentoml.lightgbm.save_model` would have stored it.
    _card(Path(toy_store["BENTOML_HOME"]), toys_served[left_out]).unlink()
    selection = ",".join(others)

    output = start_refused(toy_store, target=PLANE)

    assert f"Model {toys_served[left_out].tag} has no {CARD_FILE}" in output
    assert output.endswith(f"MODELS={selection} serves the others alone.")
    with Server.start(PLANE, environment={**toy_store, "MODELS": selection}) as server:
        _assert_serves(server, others, left_out)


def test_missing_models_are_refused_and_the_others_can_be_served(
    toy_store: dict[str, str], toys_served: dict[str, bentoml.Model]
) -> None:
    one, other, *left = toys_served
    for name in (one, other):
        shutil.rmtree(Path(toy_store["BENTOML_HOME"]) / "models" / name)
    selection = ",".join(left)

    output = start_refused(toy_store, target=PLANE)
    served = subprocess.run(
        [sys.executable, "-c", "from tests.server import toy_plane; print(toy_plane.MODELS.names)"],
        cwd=ROOT,
        env={**os.environ, **toy_store, "MODELS": selection},
        capture_output=True,
        text=True,
        timeout=START_DEADLINE_SECONDS,
        check=True,
    )

    for name in (one, other):
        assert f"The BentoML store has no model {toys_served[name].tag}" in output
    assert output.endswith(f"MODELS={selection} serves the others alone.")
    assert served.stdout.strip() == str(left)


def _assert_serves(server: Server, served: list[str], left_out: str) -> None:
    """Makes sure that no surface knows the model that is left out, and each knows the others."""
    with httpx.Client(base_url=server.url) as client:
        assert [model["name"] for model in client.get("/models").json()] == served
        paths = client.get("/docs.json").json()["paths"]
        for name in served:
            model = TOYS[name]
            body = {model.rows: model.sample}
            assert client.post(f"/{name}/predict", json=body).status_code == 200
            assert client.get(f"/v2/models/{name}").status_code == 200
            assert f"/{name}/predict" in paths
        body = {TOYS[left_out].rows: TOYS[left_out].sample}
        assert client.post(f"/{left_out}/predict", json=body).status_code == 404
        assert client.get(f"/models/{left_out}").status_code == 404
        assert client.get(f"/v2/models/{left_out}").status_code == 404
        assert not [path for path in paths if path.startswith(f"/{left_out}/")]
    with grpc.insecure_channel(server.grpc) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    packages = {service.partition(".")[0] for service in services}
    assert packages.issuperset(name for name in served if TOYS[name].descriptor)
    assert left_out not in packages


def test_the_served_model_can_be_chosen_by_tag(store: Path, spoilt: bentoml.Model) -> None:
    newer = store / "models" / spoilt.tag.name / "newer"
    shutil.copytree(store / "models" / spoilt.tag.path(), newer)
    about = newer / "model.yaml"
    about.write_text(about.read_text().replace(str(spoilt.tag.version), "newer"))
    (store / "models" / spoilt.tag.latest_path()).write_text("newer")

    pinned = {f"{spoilt.tag.name.upper()}_MODEL": str(spoilt.tag)}
    with Server.start(environment={"BENTOML_HOME": str(store), **pinned}) as server:
        served = httpx.get(f"{server.url}/models/{spoilt.tag.name}").json()
        assert served["tag"] == str(spoilt.tag)
