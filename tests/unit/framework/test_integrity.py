"""A stored model of which anything has changed is refused, before any library reads it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import bentoml
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework import Bundle, Model, ModelCard, ModelRefusedError
from framework.card import CARD_FILE
from framework.discovery import find_model
from framework.integrity import digest
from framework.recipes.lightgbm import LightGBM
from framework.recipes.pipeline import Pipeline
from tests.stored import without_hashes

METADATA_FILE = "model.yaml"
CHANGES = 150


@pytest.fixture(scope="module", params=["breast_cancer", "wine"])
def model(request: pytest.FixtureRequest) -> Model[Any, Any]:
    """A model of each recipe."""
    return find_model(request.param, "tests.models")


@pytest.fixture(scope="module")
def original(model: Model[Any, Any], proof_models: dict[str, bentoml.Model]) -> Path:
    """What training stored."""
    return Path(proof_models[model.name].path)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture
def unread() -> Iterator[None]:
    """Sees to it that no library is given a file."""
    read = AssertionError("a library has read a file that nobody vouches for")
    with (
        mock.patch.object(LightGBM, "load", side_effect=read),
        mock.patch.object(Pipeline, "load", side_effect=read),
    ):
        yield


def refusal(model: Model[Any, Any], folder: Path) -> str:
    with pytest.raises(ModelRefusedError) as refused:
        Bundle.load(model, bentoml.Model.from_path(folder))
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"Model {model.name}:")
    return message


def test_training_stores_the_hash_of_every_file(model: Model[Any, Any], original: Path) -> None:
    stored = bentoml.Model.from_path(original)
    card = ModelCard.read(stored)

    files = {path.name for path in original.iterdir()} - {CARD_FILE, METADATA_FILE}
    assert card.files == {name: digest((original / name).read_bytes()) for name in files}
    assert card.files.keys() >= {"report.html"}
    assert stored.info.metadata["card_sha256"] == digest((original / CARD_FILE).read_bytes())
    assert Bundle.load(model, stored).card == card


@given(data=st.data())
@settings(
    max_examples=CHANGES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_change_of_a_byte_and_every_cut_is_refused(
    model: Model[Any, Any], folder: Path, unread: None, data: st.DataObject
) -> None:
    files = sorted(path for path in folder.iterdir() if path.name != METADATA_FILE)
    path = data.draw(st.sampled_from(files), label="file")
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1), label="at")
    byte = data.draw(st.binary(min_size=0, max_size=1), label="byte")
    changed = data.draw(
        st.sampled_from([content[:at], content[:at] + byte + content[at + len(byte) :]]),
        label="changed",
    )
    if changed == content:
        return
    path.write_bytes(changed)
    try:
        message = refusal(model, folder)
    finally:
        path.write_bytes(content)

    name = "its card" if path.name == CARD_FILE else path.name
    assert f"{name} has changed" in message


def swap(folder: Path) -> str:
    names = sorted(ModelCard.read(bentoml.Model.from_path(folder)).files)
    first, last = folder / names[0], folder / names[-1]
    kept = first.read_bytes()
    first.write_bytes(last.read_bytes())
    last.write_bytes(kept)
    return f"{first.name} has changed, {last.name} has changed"


def remove(folder: Path) -> str:
    (folder / "report.html").unlink()
    return "report.html is missing"


def add(folder: Path) -> str:
    (folder / "deep").mkdir()
    (folder / "deep" / "er.txt").touch()
    return "deep/er.txt was added"


def dangle(folder: Path) -> str:
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(folder / "nowhere")
    return "report.html cannot be read (No such file or directory)"


def lose_hash(folder: Path) -> str:
    path = folder / METADATA_FILE
    path.write_text(path.read_text().replace("card_sha256", "cord_sha256"))
    return "model.yaml has lost the card's hash"


@pytest.mark.parametrize("change", [swap, remove, add, dangle, lose_hash])
def test_files_that_are_swapped_missing_or_added_are_named(
    model: Model[Any, Any], folder: Path, unread: None, change: Callable[[Path], str]
) -> None:
    assert change(folder) in refusal(model, folder)


def test_a_card_without_hashes_is_served(model: Model[Any, Any], folder: Path) -> None:
    without_hashes(folder)

    assert Bundle.load(model, bentoml.Model.from_path(folder)).card.files == {}
