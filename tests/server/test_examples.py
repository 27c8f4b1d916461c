"""The example clients, run as their readers run them."""

import os
import subprocess
import sys

import pytest

from deploy.processes import ROOT
from tests.processes import Server
from tests.tools import require_tool

EXAMPLES = [
    (["examples/predict.sh"], ['"leaves"', '"topic"']),
    ([sys.executable, "examples/with_requests.py"], ["attrition:", "400 employees.0.salary: "]),
    ([sys.executable, "examples/with_bentoml_client.py"], ["computer-vision", "time-series"]),
    (
        [sys.executable, "examples/grpc_client.py"],
        ["attrition:", "leaves with 0.97", "INVALID_ARGUMENT employees.0.salary: "],
    ),
    (
        [sys.executable, "examples/with_triton_http.py"],
        ["satisfaction_level FP64", "attrition:", "leave with [0.97 "],
    ),
    (
        [sys.executable, "examples/with_triton_grpc.py"],
        ["computer-vision", "INVALID_ARGUMENT: inputs.text.0: "],
    ),
]


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=lambda value: str(value[-1])[-30:])
def test_an_example_runs(server: Server, command: list[str], expected: list[str]) -> None:
    if command[-1].endswith(".sh"):
        require_tool("curl")
    address = server.grpc if "grpc" in command[-1] else server.url
    output = subprocess.run(
        [*command, address],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    for text in expected:
        assert text in output


def test_every_example_is_run() -> None:
    run = {command[-1] for command, _ in EXAMPLES}
    assert run == {
        f"examples/{path.name}" for path in (ROOT / "examples").iterdir() if path.is_file()
    }
