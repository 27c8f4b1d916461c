"""What the Bento holds, and that it serves just that."""

import os
from pathlib import Path

import bentoml
import pytest
import requests
import yaml
from pip_requirements_parser import RequirementsFile

from deploy.processes import ROOT
from tests.container.conftest import Measured, deploy, reported, train_again
from tests.contract.cases import apis
from tests.plugin import pins
from tests.processes import Server
from tests.server.asked import MODEL, MODELS, route_of


@pytest.fixture(scope="module")
def files(bento: bentoml.Bento) -> set[str]:
    folder = Path(bento.path)
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_build_reports_tag_models_and_size(
    bento: bentoml.Bento, stored_models: dict[str, bentoml.Model], measured: Measured
) -> None:
    report = deploy("build")

    assert reported(report, "Bento ").startswith("model_server:")
    tags = sorted(str(model.tag) for model in stored_models.values())
    assert reported(report, "models ") == ", ".join(tags)
    measured("Bento", reported(report, "size "))


def test_every_model_is_pinned_to_an_exact_version(
    bento: bentoml.Bento, stored_models: dict[str, bentoml.Model]
) -> None:
    stored = {str(model.tag) for model in stored_models.values()}

    assert {str(model.tag) for model in bento.info.all_models} == stored
    assert ":latest" not in Path(bento.path_of("bento.yaml")).read_text()


def pinned(requirements: Path) -> dict[str, tuple[str, list[str]]]:
    """Name of each package of a file → its version, and the hashes that its archives may have."""
    packages: dict[str, tuple[str, list[str]]] = {}
    for one in RequirementsFile.from_file(str(requirements), include_nested=True).requirements:
        # BentoML names itself once more, without any; pip keeps to those that were given.
        _, hashes = packages.get(one.name, ("", []))
        packages[one.name] = (str(one.specifier), sorted({*hashes, *one.hash_options}))
    return packages


def test_every_package_is_pinned_to_what_it_holds(bento: bentoml.Bento) -> None:
    packages = pinned(Path(bento.path_of("env/python/requirements.txt")))

    assert packages == pinned(ROOT / "requirements.txt")
    assert all(version.startswith("==") for version, _ in packages.values())
    assert all(hashes for _, hashes in packages.values())


def test_only_what_serving_needs_is_inside(files: set[str]) -> None:
    code = {file.removeprefix("src/") for file in files if file.startswith("src/")}

    own = {f"models/{name}/__init__.py" for name in MODELS}
    assert {"service.py", "serving/model_service.py", "framework/card.py", *own} <= code
    folders = {name.split("/")[0] for name in code}
    inventory = "deploy/container/inventory.py"
    assert [name for name in code if name.startswith("deploy/")] == [inventory]
    own_folders = {"framework", "serving", "models", "deploy"}
    assert folders == {"service.py", "bentofile.yaml", *own_folders}
    assert not [file for file in files if "test" in file or "__pycache__" in file]
    assert len([file for file in files if file.endswith(".so")]) == 1, "the compiled kernel"


def test_the_api_document_is_the_servers_own(bento: bentoml.Bento) -> None:
    document = yaml.safe_load(Path(bento.path_of("apis/openapi.yaml")).read_text())

    assert document["openapi"].startswith("3.1")
    predictions = {route_of(api) for model in MODELS.values() for api in apis(model)}
    assert {*predictions, "/models"} <= document["paths"].keys()


def test_a_bento_serves_its_models_after_another_training(
    bento: bentoml.Bento,
    stored_models: dict[str, bentoml.Model],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    built_with = str(stored_models[MODEL.name].tag)
    assert str(train_again(MODEL, tmp_path, seed=2).tag) != built_with
    for name in pins(stored_models):
        monkeypatch.delenv(name)

    with Server.start(str(bento.tag), folder=Path(os.environ["BENTOML_HOME"])) as server:
        models = requests.get(f"{server.url}/models", timeout=10).json()

    assert built_with in {model["tag"] for model in models}
