"""Clients of the Open Inference Protocol that nobody here wrote, each in a process of its own.

Not for order alone: two programs' stubs of the protocol cannot be loaded into one process.
"""

import subprocess
import sys
from typing import Any

import pytest

from deploy.processes import ROOT
from framework import Model
from framework.discovery import find_models
from tests.contract.cases import random_records, refused
from tests.contract.surfaces import HttpSurface
from tests.processes import Server
from tests.server.clients.said import Said, Wrong
from tests.server.environments import python_environment

# What is wrong with a value that a tensor can hold all the same; what JSON alone can say is not.
WRONG = ("below", "above", "unknown category", "empty text", "blank text", "not a number (float)")

every_model = pytest.mark.parametrize("model", find_models().values(), ids=lambda one: one.name)


def about(server: Server, model: Model[Any, Any]) -> Said:
    """What is said about a model."""
    records = random_records(model, 3)
    wrong = [
        Wrong(case.records, str(case.loc[2]))
        for case in refused(model)
        if case.name.startswith(WRONG)
    ]
    answers = HttpSurface(server.url).call(f"predict_{model.name}", records)
    return Said(model.name, records, answers, wrong)


def say(python: str, client: str, said: Said, *arguments: str) -> None:
    """Runs a conversation, which fails with what the client saw."""
    done = subprocess.run(
        [python, "-m", f"tests.server.clients.{client}", *arguments],
        input=said.write(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all said" in done.stdout


@every_model
def test_tritons_http_client(server: Server, model: Model[Any, Any]) -> None:
    say(sys.executable, "triton_http", about(server, model), server.url)


@every_model
def test_tritons_grpc_client(server: Server, model: Model[Any, Any]) -> None:
    say(sys.executable, "triton_grpc", about(server, model), server.grpc)


@pytest.mark.clients
@every_model
def test_kserves_clients(server: Server, model: Model[Any, Any]) -> None:
    python = str(python_environment("kserve") / "python")
    say(python, "kserve_client", about(server, model), server.url, server.grpc)
