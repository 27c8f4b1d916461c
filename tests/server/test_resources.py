"""The models as resources."""

from importlib.metadata import version

import bentoml
import httpx
import pytest

from models.card import ModelCard

NAMES = ["attrition", "topics"]


def test_models_are_listed_and_described(
    client: httpx.Client, stored_models: dict[str, bentoml.Model]
) -> None:
    listed = client.get("/models").json()

    assert [model["name"] for model in listed] == NAMES
    for model in listed:
        assert client.get(f"/models/{model['name']}").json() == model
        stored = stored_models[model["name"]]
        assert model["tag"] == str(stored.tag)
        assert model["created"].startswith(stored.creation_time.isoformat()[:19])
        assert model["versions"][model["framework"]] == version(model["framework"])
        assert model["data_sha256"] == ModelCard.read(stored).data.sha256
        assert model["data_simulated"] is True
    assert "salary" in listed[0]["input_schema"]["properties"]
    assert "probability" in listed[0]["output_schema"]["properties"]


@pytest.mark.parametrize("name", NAMES)
def test_performance_is_what_training_measured(
    client: httpx.Client, stored_models: dict[str, bentoml.Model], name: str
) -> None:
    performance = ModelCard.read(stored_models[name]).performance

    assert client.get(f"/models/{name}/performance").json()["metrics"] == performance["overall"]
    for filter_, metrics in performance.items():
        answer = client.get(f"/models/{name}/performance", params={"filter": filter_}).json()
        assert answer == {"filter": filter_, "data_simulated": True, "metrics": metrics}


@pytest.mark.parametrize("name", NAMES)
def test_args_are_the_training_parameters(
    client: httpx.Client, stored_models: dict[str, bentoml.Model], name: str
) -> None:
    parameters = ModelCard.read(stored_models[name]).parameters

    assert parameters
    assert client.get(f"/models/{name}/args").json() == parameters
    for arg, value in parameters.items():
        assert client.get(f"/models/{name}/args/{arg}").json() == {arg: value}
