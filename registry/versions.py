"""Stored versions: found, entered into the history, and checked before one may serve."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import NotFound

from framework import Bundle, Model, ModelCard, ModelRefusedError
from framework.adapters.bentoml import stored_versions
from framework.card import CARD_FILE
from framework.gate import GateReport
from framework.integrity import require_files
from framework.pointer import CHAMPION, Alias
from registry.errors import RegistryError
from registry.events import Change, Event
from registry.history import History


def find_version(tag: str) -> bentoml.Model:
    """Returns a stored version by its exact tag.

    Raises:
        RegistryError: The tag is not exact, or the store has no such version.
    """
    name, _, version = tag.partition(":")
    if not version or version == "latest":
        raise RegistryError(f"{tag!r} is no exact tag: give MODEL:TAG, as `show {name}` lists it.")
    try:
        return bentoml.models.get(tag)
    # BentoML reads its record by YAML and cattrs, each of which has its own errors.
    except Exception as error:  # noqa: BLE001
        known = ", ".join(str(one.tag) for one in stored_versions(name)) or "none of this model"
        reason = "" if isinstance(error, NotFound) else f" ({type(error).__name__}: {error})"
        raise RegistryError(
            f"The BentoML store cannot give model {tag}{reason}; it has {known}."
        ) from None


def file_hashes(stored: bentoml.Model) -> dict[str, str]:
    """Returns the SHA-256 of every file of a stored version, by its path in the folder.

    Raises:
        ModelRefusedError: One cannot be read.
    """
    folder = Path(stored.path)
    found = {}
    try:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
            found[str(path.relative_to(folder))] = digest.hexdigest()
    except OSError as error:
        raise ModelRefusedError(
            f"Model {stored.tag} cannot be read: {error.filename or path}: {error.strerror}."
        ) from error
    return found


def require_whole(stored: bentoml.Model) -> dict[str, str]:
    """Makes sure that the files of a version are those that were stored; returns their hashes.

    Raises:
        ModelRefusedError: One is not.
    """
    files = file_hashes(stored)
    require_files(stored, CARD_FILE, ModelCard.read(stored).files)
    return files


def require_known(stored: bentoml.Model, events: list[Event]) -> dict[str, str]:
    """Makes sure that a version's files are those of the history; returns their hashes.

    Raises:
        ModelRefusedError: One is not.
    """
    files = file_hashes(stored)
    for event in events:
        if event.change.after == str(stored.tag) and event.change.files != files:
            changed = sorted(dict(files.items() ^ event.change.files.items()))
            raise ModelRefusedError(
                f"Model {stored.tag} is not what it was at event {event.number} of the registry: "
                f"{', '.join(changed)} changed; restore its folder from a copy, or retrain with "
                f"`python -m training {stored.tag.name}`."
            )
    return files


def require_fit(
    model: Model[Any, Any], stored: bentoml.Model, events: list[Event]
) -> dict[str, str]:
    """Makes sure that a version may serve; returns the hashes of its files.

    Its files are those that were stored, and that the history has of it; the framework's version
    fits; the golden examples are reproduced.

    Args:
        model: The definition.
        stored: The version.
        events: The history of the model.

    Raises:
        ModelRefusedError: It must not serve; the message says why.
    """
    files = require_known(stored, events)
    Bundle.load(model, stored)
    return files


def entry(
    stored: bentoml.Model, alias: Alias | None, files: dict[str, str], reason: str = ""
) -> Change:
    """Returns how a version comes into the history: with the gate's report that it has brought."""
    report = GateReport.of(stored)
    gate = None if report is None else report.model_dump(mode="json")
    return Change("register", alias, str(stored.tag), files, reason, gate)


def enter_new(history: History, models: Mapping[str, Model[Any, Any]]) -> None:
    """Enters the versions that training has stored since into the history, oldest first.

    Where a model has no champion, the newest that may serve becomes it: the one that has served
    until now. Otherwise the newest of the new ones becomes challenger. Versions that are refused
    are told of and stay out.

    Raises:
        RegistryError: The database cannot be used.
    """
    aliases = history.aliases()
    for name, model in models.items():
        events = history.events(name)
        known = {event.change.after for event in events}
        new = [one for one in stored_versions(name) if str(one.tag) not in known]
        champion = aliases.standing(name, CHAMPION)
        wanted: Alias | None = CHAMPION if champion is None else "challenger"
        changes = []
        for stored in reversed(new):
            try:
                thoroughly = wanted == CHAMPION
                files = require_fit(model, stored, []) if thoroughly else require_whole(stored)
            except ModelRefusedError as error:
                print(f"Not entered: {error}", file=sys.stderr)
                continue
            changes.append(entry(stored, wanted, files))
            wanted = None
        for change in reversed(changes):
            history.register(change)
