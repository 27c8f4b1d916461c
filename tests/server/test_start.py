"""A server that cannot serve right does not start, and says why in one sentence."""

import os
import re
import shutil
import socket
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

from deploy.processes import ROOT, wait_until
from framework import ModelCard
from framework.card import CARD_FILE, GoldenExample
from framework.discovery import find_models
from tests.plugin import pins
from tests.processes import Server

MODELS = find_models()
PROOF, PROOF_MODELS = "tests.models.service:ProofServer", find_models("tests.models")
NO_OPENMP = "LightGBM needs the OpenMP runtime libgomp.so.1: apt-get install libgomp1"
Change = Callable[[ModelCard], ModelCard]


def start_refused(
    environment: dict[str, str], *options: str, target: str = "service:ModelServer"
) -> str:
    """Starts a server that must end at once; returns the one line that it wrote."""
    ended = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", target, *(options or ("--port", "0"))],
        cwd=ROOT,
        env={**os.environ, "MODEL_SERVER_GRPC_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    (line,) = (ended.stdout + ended.stderr).strip().splitlines()
    return line


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
    path = _card(store, model)
    path.write_text(change(ModelCard.model_validate_json(path.read_bytes())).model_dump_json())


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


def test_an_empty_store_is_refused_with_the_next_step(tmp_path: Path) -> None:
    output = start_refused({"BENTOML_HOME": str(tmp_path)})

    for name in MODELS:
        assert f"The BentoML store has no model {name}:" in output
        assert f"python -m training {name}" in output
    assert "serves the others" not in output


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("WORKERS", "none", "WORKERS: Input should be a valid integer"),
        ("MODEL_SERVER_MAX_BODY_BYTES", "-1", "MODEL_SERVER_MAX_BODY_BYTES: Input should be"),
        ("MODEL_SERVER_MAX_BODY", "1", "did you mean MODEL_SERVER_MAX_BODY_BYTES?"),
        ("MODELS", "nobody", f"MODELS names nobody; this service has {', '.join(MODELS)}."),
    ],
)
def test_invalid_settings_stop_the_start(name: str, value: str, complaint: str) -> None:
    assert complaint in start_refused({name: value})


@pytest.mark.parametrize("model", MODELS)
def test_a_misspelt_choice_of_a_version_stops_the_start(model: str) -> None:
    output = start_refused({f"X{model.upper()}_MODEL": "any:version"})

    assert f"X{model.upper()}_MODEL is unknown; did you mean {model.upper()}_MODEL?" in output


@pytest.mark.usefixtures("stored_models")
def test_a_tag_that_is_none_stops_the_start() -> None:
    variable = f"{next(iter(MODELS)).upper()}_MODEL"

    output = start_refused({variable: "no tag:at all"})

    assert "The BentoML store has no model no tag:at all" in output
    assert variable in output


@pytest.mark.usefixtures("stored_models")
def test_a_taken_port_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        by_option = start_refused({}, "--host", "127.0.0.1", "--port", port)
        by_variable = start_refused({"BENTOML_PORT": port}, "--host", "0.0.0.0")
        both = start_refused({"GRPC_PORT": port, "MODEL_SERVER_GRPC_PORT": port}, "--port", port)

    assert f"HTTP cannot listen on 127.0.0.1:{port} (Address already in use)" in by_option
    assert "--port" in by_option
    assert f"HTTP cannot listen on 0.0.0.0:{port}" in by_variable
    assert f"gRPC cannot listen on 0.0.0.0:{port}" in both


@pytest.mark.parametrize("fast_path", ["true", "false"])
@pytest.mark.usefixtures("stored_models")
def test_a_server_that_does_not_start_leaves_the_metrics_of_another_alone(
    server: Server, fast_path: str
) -> None:
    _metrics_of_models(server)
    port = server.url.rpartition(":")[2]

    start_refused({"MODEL_SERVER_FAST_PATH": fast_path}, "--port", port)

    assert _counts_models(server)


@pytest.mark.usefixtures("stored_models")
def test_each_server_has_its_own_metrics(server: Server, tmp_path: Path) -> None:
    _metrics_of_models(server)

    with Server.start(environment={"TMPDIR": str(tmp_path)}) as other:
        assert httpx.get(f"{other.url}/metrics").status_code == 200
        assert list(tmp_path.glob("model-server-metrics-*"))
        assert not _counts_models(other)
        assert _counts_models(server)
    assert not list(tmp_path.glob("model-server-metrics-*"))


def _metrics_of_models(server: Server) -> None:
    """Makes requests that the server counts."""
    httpx.get(f"{server.url}/models").raise_for_status()
    wait_until(lambda: _counts_models(server), 10, "the requests were not counted")


def _counts_models(server: Server) -> bool:
    metrics = httpx.get(f"{server.url}/metrics").text
    return 'model_server_requests_total{model="",protocol="http",route="/models"' in metrics


@pytest.fixture
def proof_store(proof_models: dict[str, bentoml.Model], store: Path) -> dict[str, str]:
    """The environment of a server of the proof models, with a copy of the store."""
    return {"BENTOML_HOME": str(store), **pins(proof_models)}


def test_a_model_without_a_card_is_refused_and_the_others_can_be_served(
    proof_store: dict[str, str], proof_models: dict[str, bentoml.Model]
) -> None:
    left_out, *others = proof_models
    # As `bentoml.lightgbm.save_model` would have stored it.
    _card(Path(proof_store["BENTOML_HOME"]), proof_models[left_out]).unlink()
    selection = ",".join(others)

    output = start_refused(proof_store, target=PROOF)

    assert f"Model {proof_models[left_out].tag} has no {CARD_FILE}" in output
    assert output.endswith(f"MODELS={selection} serves the others alone.")
    with Server.start(PROOF, environment={**proof_store, "MODELS": selection}) as server:
        _assert_serves(server, others, left_out)


def test_missing_models_are_refused_and_the_others_can_be_served(
    proof_store: dict[str, str], proof_models: dict[str, bentoml.Model]
) -> None:
    one, other, *left = proof_models
    for name in (one, other):
        shutil.rmtree(Path(proof_store["BENTOML_HOME"]) / "models" / name)
    selection = ",".join(left)

    output = start_refused(proof_store, target=PROOF)
    served = subprocess.run(
        [sys.executable, "-c", "from tests.models import service; print(service.MODELS.names)"],
        cwd=ROOT,
        env={**os.environ, **proof_store, "MODELS": selection},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    for name in (one, other):
        assert f"The BentoML store has no model {proof_models[name].tag}" in output
    assert output.endswith(f"MODELS={selection} serves the others alone.")
    assert served.stdout.strip() == str(left)


def _assert_serves(server: Server, served: list[str], left_out: str) -> None:
    """Makes sure that no surface knows the model that is left out, and each knows the others."""
    with httpx.Client(base_url=server.url) as client:
        assert [model["name"] for model in client.get("/models").json()] == served
        paths = client.get("/docs.json").json()["paths"]
        for name in served:
            model = PROOF_MODELS[name]
            body = {model.rows: model.sample}
            assert client.post(f"/{name}/predict", json=body).status_code == 200
            assert client.get(f"/v2/models/{name}").status_code == 200
            assert f"/{name}/predict" in paths
        body = {PROOF_MODELS[left_out].rows: PROOF_MODELS[left_out].sample}
        assert client.post(f"/{left_out}/predict", json=body).status_code == 404
        assert client.get(f"/models/{left_out}").status_code == 404
        assert client.get(f"/v2/models/{left_out}").status_code == 404
        assert not [path for path in paths if path.startswith(f"/{left_out}/")]
    with grpc.insecure_channel(server.grpc) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    packages = {service.partition(".")[0] for service in services}
    assert packages.issuperset(name for name in served if PROOF_MODELS[name].descriptor)
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


@pytest.fixture
def without_openmp(tmp_path: Path) -> str:
    """A `PYTHONPATH` with which the OpenMP runtime cannot be loaded, and modules that need it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes\n"
        "class CDLL(ctypes.CDLL):\n"
        "    def __init__(self, name, *arguments, **options):\n"
        "        if name == 'libgomp.so.1':\n"
        "            raise OSError(f'{name}: cannot open shared object file')\n"
        "        super().__init__(name, *arguments, **options)\n"
        "ctypes.CDLL = CDLL\n"
    )
    (tmp_path / "boosted.py").write_text(
        "import bentoml\n"
        "from framework.recipes.lightgbm import LightGBM\n"
        "@bentoml.service\n"
        "class Boosted: ...\n"
    )
    return f"{tmp_path}:{ROOT}"


def test_a_machine_without_openmp_is_told_in_one_sentence(without_openmp: str) -> None:
    output = start_refused({"PYTHONPATH": without_openmp}, target="boosted:Boosted")

    assert output.endswith(NO_OPENMP)


def test_training_on_a_machine_without_openmp_is_told_in_one_sentence(without_openmp: str) -> None:
    boosted = next((name for name, model in MODELS.items() if model.framework == "lightgbm"), "")
    if not boosted:
        pytest.skip("no model is made of LightGBM")
    refused = subprocess.run(
        [sys.executable, "-m", "training", boosted],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": without_openmp},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert refused.returncode == 1
    assert refused.stdout + refused.stderr == f"{NO_OPENMP}\n"
