"""What is never half there: the store's entries, and the report beside them."""

import os
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

import training.store
from deploy.processes import ROOT
from framework.trees import library
from tests.disks import on_a_read_only_disk
from tests.tools import require_tool
from tests.unit.training.conftest import Toys, entries
from training import TrainingError, train


@pytest.fixture(scope="module")
def model(toys: Toys) -> bentoml.Model:
    """A small model in the store."""
    return train(toys["loans"], tag="stored")


@pytest.mark.parametrize(
    "tag",
    ["latest", "loans:latest", "notes:v1", "V1", "a b", "", "loans:", "-x", "x" * 64],
)
def test_invalid_tags_are_refused(tag: str, toys: Toys, store: Path) -> None:
    before = entries(store)
    with pytest.raises(TrainingError, match=r"is not a tag for this model; give loans:VERSION"):
        train(toys["loans"], tag=tag)
    assert entries(store) == before


def test_an_existing_tag_is_never_overwritten(
    toys: Toys, model: bentoml.Model, store: Path
) -> None:
    before = entries(store)
    with pytest.raises(TrainingError, match="exists already"):
        train(toys["loans"], tag=str(model.tag))
    assert entries(store) == before


def test_an_unwritable_report_is_refused_before_anything_is_stored(
    toys: Toys, store: Path, tmp_path: Path
) -> None:
    before = entries(store)
    (tmp_path / "file").touch()
    for report in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(TrainingError, match="the report cannot be written"):
            train(toys["loans"], report=report)
    assert entries(store) == before


@pytest.mark.parametrize("name", ["", "new"])
def test_a_home_that_cannot_be_written_is_told_before_anything_is_fitted(
    tmp_path: Path, name: str
) -> None:
    program = """
from training import TrainingError
from training.store import prepare
try:
    prepare("loans", None)
except TrainingError as error:
    print(error)
"""
    ended = subprocess.run(
        on_a_read_only_disk(tmp_path, [sys.executable, "-c", program]),
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(tmp_path / name)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout == (
        f"No model can be stored in {tmp_path / name}: Read-only file system; name another folder "
        "in BENTOML_HOME.\n"
    ), ended.stderr


def test_a_failed_run_leaves_an_earlier_report_alone(toys: Toys, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("earlier")
    with pytest.raises(TrainingError):
        train(toys["loans"], data=str(tmp_path / "absent.csv"), report=report)
    assert report.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_store_leaves_no_part_behind(
    error: BaseException,
    toys: Toys,
    model: bentoml.Model,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = entries(store)

    def copy(source: Path, target: Path, **options: object) -> None:
        (target / "model.txt").write_text("half")
        raise error

    monkeypatch.setattr("bentoml._internal.models.model.shutil.copytree", copy)
    with pytest.raises((TrainingError, KeyboardInterrupt)):
        train(toys["loans"], tag="half")
    assert entries(store) == before


def test_what_scores_trees_is_compiled(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("cc")
    monkeypatch.setattr(training.store, "home_folder", lambda: tmp_path)

    train(toys["loans"], tag="compiled")

    assert library.load([tmp_path / library.FOLDER])


def test_a_machine_without_a_compiler_trains_too(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(training.store, "home_folder", lambda: tmp_path)

    assert train(toys["loans"], tag="uncompiled").tag.version == "uncompiled"

    assert list(tmp_path.iterdir()) == []
