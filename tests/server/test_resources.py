"""The models as resources."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import bentoml
import httpx
import pytest

from framework import Model, ModelCard
from framework.discovery import find_models
from tests.contract.fixtures import is_proof
from tests.processes import Server

SERVED = {"server": find_models(), "proof_server": find_models("tests.models")}
MODELS = [model for models in SERVED.values() for model in models.values()]
SPLITS = ("rows", "distinct_rows", "train_rows", "validation_rows", "test_rows")
each_model = pytest.mark.parametrize("model", MODELS, ids=[model.package for model in MODELS])


@pytest.fixture
def running(model: Model[Any, Any], request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the server that has the test's model."""
    server: Server = request.getfixturevalue("proof_server" if is_proof(model) else "server")
    with httpx.Client(base_url=server.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def stored(model: Model[Any, Any], request: pytest.FixtureRequest) -> bentoml.Model:
    """The stored model behind the test's."""
    models = request.getfixturevalue("proof_models" if is_proof(model) else "stored_models")
    found: bentoml.Model = models[model.name]
    return found


@pytest.fixture
def card(stored: bentoml.Model) -> ModelCard:
    """What training has written down of it."""
    return ModelCard.read(stored)


@pytest.fixture
def told(model: Model[Any, Any], running: httpx.Client) -> dict[str, Any]:
    """What the server tells of the model."""
    found: dict[str, Any] = running.get(f"/models/{model.name}").json()
    return found


@pytest.mark.parametrize("of", SERVED)
def test_all_models_are_listed(of: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(of).url

    listed = httpx.get(f"{url}/models", timeout=30).json()

    assert sorted(model["name"] for model in listed) == list(SERVED[of])
    for model in listed:
        assert httpx.get(f"{url}/models/{model['name']}", timeout=30).json() == model


@each_model
def test_a_model_is_what_was_stored(
    told: dict[str, Any], stored: bentoml.Model, card: ModelCard
) -> None:
    assert told["tag"] == str(stored.tag)
    assert told["created"].startswith(stored.creation_time.isoformat()[:19])
    assert told["versions"][told["framework"]] == version(told["framework"])
    assert told["git_commit"] == card.git_commit


@each_model
def test_a_model_says_what_it_answers(
    model: Model[Any, Any], told: dict[str, Any], card: ModelCard
) -> None:
    assert told["description"] == model.description
    assert told["description"] in " ".join((model.folder / "__init__.py").read_text().split())
    assert told["description"]
    assert told["task"] == model.task.kind
    assert told["target"] == model.target
    assert told["classes"] == card.classes
    assert bool(told["classes"]) == (told["task"] in ("binary", "multiclass"))
    assert told["threshold"] == card.threshold
    assert (told["threshold"] is None) == (told["task"] != "binary")
    assert told["units"] == model.task.units_of(model.answer)
    # Of an answer that is a list, each target has a unit.
    assert told["units"].keys() <= {*model.answer.model_fields, *model.target}


@each_model
def test_a_model_says_what_it_takes_and_gives(model: Model[Any, Any], told: dict[str, Any]) -> None:
    taken, given = told["input_schema"]["properties"], told["output_schema"]["properties"]

    assert [sum(name in taken for name in field.names) for field in model.encoder.fields] == [
        1 for _ in taken
    ]
    assert list(given) == list(model.answer.model_fields)


@each_model
def test_a_model_says_what_it_learnt_from(
    model: Model[Any, Any], told: dict[str, Any], card: ModelCard
) -> None:
    # A model that brings no data along was trained on a file.
    kind = "file" if model.data is None else model.data.kind

    assert told["data_kind"] == kind
    assert told["data_simulated"] is (kind == "simulated")
    assert told["data_sha256"] == card.data.sha256
    assert told["data"] == {name: getattr(card.data, name) for name in SPLITS}
    used = sum(told["data"][name] for name in SPLITS[2:])
    assert used == told["data"]["distinct_rows"] <= told["data"]["rows"]
    assert min(told["data"]["train_rows"], told["data"]["test_rows"]) > 0


@each_model
def test_a_model_has_a_profile_of_each_feature(
    model: Model[Any, Any], told: dict[str, Any], card: ModelCard
) -> None:
    lengths = {f"{name}_length" for name in model.encoder.texts}

    assert told["profile"] == {name: one.model_dump() for name, one in card.profile.items()}
    assert told["profile"].keys() >= lengths
    for name, profile in told["profile"].items():
        assert 0 <= profile["missing"] < 1
        if name in model.encoder.categories:
            assert sum(profile["shares"].values()) == pytest.approx(1)
        else:
            assert len(profile["quantiles"]) == 11
            assert list(profile["quantiles"].values()) == sorted(profile["quantiles"].values())


@each_model
def test_performance_is_what_training_measured(
    model: Model[Any, Any], running: httpx.Client, card: ModelCard
) -> None:
    path, simulated = f"/models/{model.name}/performance", card.data.kind == "simulated"

    assert running.get(path).json()["metrics"] == card.performance["overall"]
    for filter_, metrics in card.performance.items():
        answer = running.get(path, params={"filter": filter_}).json()
        assert answer == {"filter": filter_, "data_simulated": simulated, "metrics": metrics}


@each_model
def test_args_are_the_training_parameters(
    model: Model[Any, Any], running: httpx.Client, card: ModelCard
) -> None:
    assert card.parameters
    assert running.get(f"/models/{model.name}/args").json() == card.parameters
    for arg, value in card.parameters.items():
        assert running.get(f"/models/{model.name}/args/{arg}").json() == {arg: value}
