"""From a server's answers to the verdict: recorded, converted, checked."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bentoml
import httpx
import pytest

from deploy.processes import ROOT
from framework.discovery import find_models
from framework.model import Model
from monitoring.__main__ import main
from tests.console import commands, run
from tests.processes import Server
from training import rows
from training.data import of_source
from training.split import split

WINDOW, FIRST, EACH = 500, 550, 100
# Records with categories can be shifted whatever they are of.
MODELS = [model for model in find_models().values() if model.encoder.categories and model.data]


def held_out(model: Model[Any, Any]) -> list[dict[str, Any]]:
    """The rows that a model was measured on, as clients would send them."""
    assert model.data is not None
    read = rows.read(model, of_source(model.data))
    test = split(model, read, None, source="", seed=0).test
    return [record.model_dump(mode="json") for record in test.records]


def ask(server: Server, model: Model[Any, Any], records: Sequence[dict[str, Any]]) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for at in range(0, len(records), EACH):
            asked = client.post(
                f"/{model.name}/predict", json={model.rows: records[at : at + EACH]}
            )
            assert asked.status_code == 200
        client.post(f"/{model.name}/predict", json={model.rows: [{}]})


def shifted(model: Model[Any, Any], records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same rows, but for one field, which is the same in all."""
    name, values = next(iter(model.encoder.categories.items()))
    for record in records:
        yield {**record, name: values[0]}


def follow_the_page(model: Model[Any, Any], here: Path) -> None:
    """Runs what the page tells of the check; the record lies beside."""
    (here / ".venv").symlink_to(ROOT / ".venv")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lines = [one.line for one in commands(ROOT / "docs" / "monitoring.md")]
    assert any("monitoring check --record record --model" in line for line in lines)
    assert any("monitoring serve --record record" in line for line in lines)
    for line in (
        one for one in lines if f"monitoring check --record record --model {model.name}" in one
    ):
        assert "Steady" in run(line, here, environment)
        assert (here / "check.json").is_file()
        assert "Steady" in (here / "check.html").read_text(encoding="utf-8")
    for line in (one for one in lines if "monitoring serve" in one):
        started = subprocess.Popen(
            shlex.split(f"{line} --port 0"),
            cwd=here,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        with started:
            assert started.stdout is not None
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics\n", started.stdout.readline())
            started.terminate()
        assert started.returncode == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_shift_of_what_a_server_is_asked_is_an_alarm(
    model: Model[Any, Any],
    stored_models: dict[str, bentoml.Model],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = ["--record", str(folder)]
    check = ["check", "--model", model.name, "--window", str(WINDOW), *record]
    known = held_out(model)
    changed = list({tuple(one.items()): one for one in shifted(model, known[FIRST:])}.values())
    environment = {"MODEL_SERVER_RECORD": str(folder)}

    with Server.start(environment=environment) as server:
        ask(server, model, known[:FIRST])
    assert main(["convert", *record]) == 0
    assert main(check) == 0
    said = capsys.readouterr().out
    assert "Steady" in said
    assert "refused      1 requests (invalid_input 1)" in said
    follow_the_page(model, folder.parent)

    with Server.start(environment=environment) as server:
        ask(server, model, changed)
    assert main(["convert", *record]) == 0
    capsys.readouterr()
    assert main(check) == 1
    assert f"Alarm: {next(iter(model.encoder.categories))}" in capsys.readouterr().out
