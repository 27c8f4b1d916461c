"""A server with settings it cannot follow, or on a machine that lacks something, does not start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT, START_DEADLINE_SECONDS
from framework.discovery import find_models
from tests.server.starting import PLANE, start_refused

MODELS, TOYS = find_models(), find_models("tests.server.toy_models")
# Services without models, and without a hook that looks at anything before the start.
TOY, OUTER = "tests.server.toy_service:Toy", "tests.server.differential.composition:Outer"
NO_OPENMP = "LightGBM needs the OpenMP runtime libgomp.so.1: apt-get install libgomp1"

pytestmark = pytest.mark.usefixtures("toys_served")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("WORKERS", "none", "WORKERS: Input should be a valid integer"),
        ("MODEL_SERVER_MAX_BODY_BYTES", "-1", "MODEL_SERVER_MAX_BODY_BYTES: Input should be"),
        ("MODEL_SERVER_MAX_BODY", "1", "did you mean MODEL_SERVER_MAX_BODY_BYTES?"),
        ("MODELS", "nobody", f"MODELS names nobody; this service has {', '.join(TOYS)}."),
    ],
)
def test_invalid_settings_stop_the_start(name: str, value: str, complaint: str) -> None:
    assert complaint in start_refused({name: value}, target=PLANE)


def test_a_misspelt_choice_of_a_version_stops_the_start() -> None:
    name = f"{next(iter(TOYS)).upper()}_MODEL"

    output = start_refused({f"X{name}": "any:version"}, target=PLANE)

    assert f"X{name} is unknown; did you mean {name}?" in output


def test_a_tag_that_is_none_stops_the_start() -> None:
    variable = f"{next(iter(TOYS)).upper()}_MODEL"

    output = start_refused({variable: "no tag:at all"}, target=PLANE)

    assert "The BentoML store has no model no tag:at all" in output
    assert variable in output


def test_a_taken_port_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        by_option = start_refused({}, "--host", "127.0.0.1", "--port", port, target=PLANE)
        by_variable = start_refused(
            {"BENTOML_PORT": port, "MODEL_SERVER_OPEN": "true"}, "--host", "0.0.0.0", target=PLANE
        )
        grpc_too = {"GRPC_PORT": port, "MODEL_SERVER_GRPC_PORT": port}
        both = start_refused(grpc_too, "--port", port, target=PLANE)

    assert f"HTTP cannot listen on 127.0.0.1:{port} (Address already in use)" in by_option
    assert "--port" in by_option
    assert f"HTTP cannot listen on 0.0.0.0:{port}" in by_variable
    assert f"gRPC cannot listen on 127.0.0.1:{port}" in both


@pytest.mark.parametrize("target", [TOY, OUTER])
def test_a_taken_port_stops_the_start_of_any_service(target: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told = start_refused({}, "--host", "127.0.0.1", "--port", port, target=target)

    assert f"HTTP cannot listen on 127.0.0.1:{port} (Address already in use)" in told


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
        timeout=START_DEADLINE_SECONDS,
        check=False,
    )

    assert refused.returncode == 1
    assert refused.stdout + refused.stderr == f"{NO_OPENMP}\n"
