"""The only writer of BentoML's model store."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException
from bentoml.models import ModelContext

from framework.adapters.bentoml import create_model_in, home_folder, model_store_folder
from framework.card import CARD_FILE
from framework.gate import GATE_FILE
from framework.integrity import CARD_SHA256, digest
from framework.trees.compiler import CompileError, compiled_into
from framework.trees.library import FOLDER
from training.errors import TrainingError
from training.files import LEARNT_FILE, REPORT_FILE
from training.learnt import content_of
from training.report import render
from training.result import Trained

# Kinds of data → what the label of a stored model calls them.
LABELS = {"simulated": "simulation", "file": "file", "builtin": "builtin"}


def prepare(name: str, wanted: str | None) -> bentoml.Tag:
    """Makes sure that a new version can be stored, and returns its tag.

    Args:
        name: Name of the model in the store.
        wanted: A version, or the name and a version (`NAME:v3`); a new version if not given.

    Raises:
        TrainingError: The tag is not valid for this model, or exists already, or no model can be
            stored.
    """
    _require_writable_store()
    tag = _new_tag(name, wanted)
    # Now, so that the new model is timed as it will be served. It does without, and whoever serves
    # it is told why.
    with contextlib.suppress(CompileError):
        compiled_into(home_folder() / FOLDER)
    return tag


def save(tag: bentoml.Tag, trained: Trained, write: Callable[[str], object]) -> bentoml.Model:
    """Stores a finished model: everything is at hand, so nothing is left to fail half-way.

    Args:
        tag: Tag to store it under.
        trained: The model.
        write: Takes a copy of the report, beforehand.

    Raises:
        TrainingError: The store cannot be written; no part of the model stays in it.
    """
    page = render(str(tag), trained)
    write(page)
    contents = {**trained.fitted.files, REPORT_FILE: page.encode()}
    if trained.learnt is not None:
        contents[LEARNT_FILE] = content_of(trained.learnt)
    if trained.gate is not None:
        contents[GATE_FILE] = (trained.gate.model_dump_json(indent=2) + "\n").encode()
    hashes = {name: digest(content) for name, content in contents.items()}
    card = trained.card.model_copy(update={"files": hashes})
    contents[CARD_FILE] = (card.model_dump_json(indent=2) + "\n").encode()
    home = model_store_folder()
    try:
        # BentoML copies file by file into the store; written elsewhere first and then renamed,
        # the entry appears whole or not at all, whatever ends this process.
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="new-model-") as staging:
            with create_model_in(
                Path(staging),
                tag,
                labels={"data": LABELS[card.data.kind]},
                metadata={
                    CARD_SHA256: digest(contents[CARD_FILE]),
                    "data_sha256": card.data.sha256,
                    "metrics": {
                        name: round(value, 6) for name, value in card.performance["overall"].items()
                    },
                },
                context=ModelContext(
                    framework_name=card.framework,
                    framework_versions={card.framework: card.versions[card.framework]},
                ),
            ) as model:
                for name, content in contents.items():
                    Path(model.path_of(name)).write_bytes(content)
            _publish(Path(staging), home, tag)
        return bentoml.models.get(tag)
    except (BentoMLException, OSError) as error:
        raise TrainingError(f"Model {tag} cannot be stored: {error}") from error


def _new_tag(name: str, wanted: str | None) -> bentoml.Tag:
    if wanted is None:
        return bentoml.Tag(name, None).make_new_version()
    prefix, colon, version = wanted.rpartition(":")
    if (colon and prefix != name) or version == "latest" or version != version.lower():
        raise TrainingError(_invalid(name, wanted))
    try:
        tag = bentoml.Tag(name, version)
    except ValueError as error:
        raise TrainingError(_invalid(name, wanted)) from error
    if bentoml.models.list(tag):
        raise TrainingError(
            f"Model {tag} exists already and is never overwritten; choose another version, or "
            f"delete it with `bentoml models delete {tag}`."
        )
    return tag


def _require_writable_store() -> None:
    """Finds a store that cannot be written before there is anything to lose."""
    try:
        with tempfile.TemporaryDirectory(dir=model_store_folder().parent):
            pass
    except OSError as error:
        raise TrainingError(
            f"No model can be stored in {os.environ.get('BENTOML_HOME', '~/bentoml')}: "
            f"{error.strerror}; name another folder in BENTOML_HOME."
        ) from error


def _publish(staging: Path, home: Path, tag: bentoml.Tag) -> None:
    """Moves a finished entry, and then the pointer to the newest, from one store to another."""
    (home / tag.name).mkdir(parents=True, exist_ok=True)
    (staging / tag.path()).rename(home / tag.path())
    (staging / tag.latest_path()).replace(home / tag.latest_path())


def _invalid(name: str, wanted: str) -> str:
    return (
        f"{wanted!r} is not a tag for this model; give {name}:VERSION or just VERSION, where "
        "VERSION is at most 63 lower-case letters, digits, '-', '_' and '.', begins and ends with "
        "a letter or digit, and is not 'latest'."
    )
