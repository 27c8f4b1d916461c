"""The command line: what it prints, and which arguments make no sense."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import bentoml
import pandas as pd
import pytest

from framework import ModelCard
from framework.fitting import Source
from tests.unit.training.conftest import TOYS, Toys, entries, plants
from training.__main__ import main

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["all", "--data", "a.csv"],
        ["all", "--name", "v1"],
        ["all", "--report", "a.html"],
        ["all", "--holdout", "a.csv"],
        ["loans", "--holdout", "b.csv"],
        ["loans", "--seed", "one"],
        ["import"],
        ["import", "loans", "--data", "a.csv"],
        ["import", "loans", "--file", "a.txt", "--from-store", "loans:v1"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(store)
    with pytest.raises(SystemExit, match="2"):
        main(arguments, package=TOYS)
    assert "usage: python -m training" in capsys.readouterr().err
    assert entries(store) == before


@pytest.mark.parametrize("arguments", [["churn"], ["import", "churn", "--file", "model.txt"]])
def test_an_unknown_name_is_told_the_known_ones_in_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, package=TOYS) == 2
    message = capsys.readouterr().err
    assert "There is no model 'churn'; there are: houses, loans, notes, plants." in message
    assert len(message.splitlines()) == 1


def test_all_asks_for_data_where_a_model_brings_none(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(store)
    assert main(["all"], package=TOYS) == 1
    assert capsys.readouterr().err == (
        "plants brings no data along; give a file: `python -m training plants --data FILE`.\n"
    )
    assert entries(store) == before
    assert main(["plants"], package=TOYS) == 1
    assert "plants brings no data along" in capsys.readouterr().err


def test_all_trains_every_model(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    brought = Source(
        "simulated",
        "toys: plants",
        lambda: {str(name): column for name, column in plants().items()},
    )
    monkeypatch.setattr(toys["plants"], "data", brought)
    assert main(["all", "--seed", "3"], package=TOYS) == 0
    printed = capsys.readouterr().out
    for name in toys:
        newest = bentoml.models.get(f"{name}:latest")
        assert ModelCard.read(newest).seed == 3
        assert str(newest.tag) in printed


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "loans": ["SIMULATED DATA", "roc_auc", "class", "repaid", "simulation: 600 rows"],
        "notes": ["macro_f1", "kitchen"],
        "houses": ["(data that a library ships)", "price in euro", "baseline_rmse", "r2"],
    }.items(),
)
def test_the_summary_tells_what_the_task_asks(
    name: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name], package=TOYS) == 0
    printed = capsys.readouterr().out
    for part in expected:
        assert part in printed
    assert ("SIMULATED" in printed) == (name != "houses")


def test_the_summary_tells_the_file_and_the_holdout_apart(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(files["plants"])
    paths = tmp_path / "data.csv", tmp_path / "holdout.csv"
    for part, path in zip((frame.head(100), frame.tail(20)), paths, strict=True):
        part.to_csv(path, index=False)
    arguments = ["plants", "--data", str(paths[0]), "--holdout", str(paths[1])]
    assert main(arguments, package=TOYS) == 0
    printed = capsys.readouterr().out
    assert (
        f"{paths[0]}: 100 rows, 100 distinct; 100 train, 0 validation, 20 test (hold-out: 20 rows)"
        in printed
    )
    assert re.search(r"target +r2 +rmse", printed)
    assert "height in cm" in printed


def test_training_needs_no_package_of_development(tmp_path: Path) -> None:
    needed, all_ = (
        set(re.findall(r"^([a-zA-Z0-9_.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements-train.txt", "requirements-dev.txt")
    )
    further = {_canonical(name) for name in all_ - needed}
    modules = {
        module
        for module, owners in packages_distributions().items()
        if {_canonical(owner) for owner in owners} <= further
    }
    assert {"pytest", "hypothesis"} <= modules
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(modules)}))\n"
        "from training.__main__ import main\n"
        f"sys.exit(main(['loans'], package={TOYS!r}))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"BENTOML_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert "loans:" in completed.stdout


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
