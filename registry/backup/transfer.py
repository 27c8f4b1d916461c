"""One version of a model from one stage to another."""

import argparse
import os
import shutil
from pathlib import Path

import bentoml

from framework.adapters.bentoml import home_folder, model_in, model_store_folder
from framework.pointer import CHAMPION, Alias
from registry.backup.archive import extract, writing
from registry.backup.save import ABOUT, about, add_version, require_kind
from registry.backup.staging import emptied, locked
from registry.commands import Answer, Registry
from registry.errors import RegistryError
from registry.versions import entry, file_hashes, find_version, require_fit


def export(registry: Registry, options: argparse.Namespace) -> Answer:
    """Writes a version of a model to a file, once it has shown that it may serve."""
    stored = find_version(options.tag)
    model = registry.model(stored.tag.name)
    files = require_fit(model, stored, registry.history.events(model.name))
    held = registry.history.aliases().alias_of(str(stored.tag))
    origin = f"{held[0]} elsewhere since {held[1].since:%Y-%m-%d %H:%M}Z" if held else "no alias"
    with writing(options.file) as archive:
        archive.add_bytes(ABOUT, about("model", tag=str(stored.tag), origin=origin))
        add_version(archive, stored, files)
    data = {"tag": str(stored.tag), "file": options.file, "files": files}
    return Answer(data, ("exported", "to"), [(str(stored.tag), options.file)])


def bring(registry: Registry, options: argparse.Namespace) -> Answer:
    """Takes a version that was exported elsewhere; fine if it is there with the same files."""
    with locked(home_folder()) as folder, emptied(folder):
        extract(options.file, folder)
        told = require_kind(folder, "model")
        tag = str(told["tag"])
        files, is_new = _take(registry, folder, tag)
        alias = _enter(registry, tag, files, str(told["origin"]))
        shutil.rmtree(folder)
    finding = f"became {alias}" if alias else "was known"
    data = {"tag": tag, "stored": is_new, "alias": alias}
    return Answer(data, ("imported", ""), [(tag, finding if is_new else "was there, the same")])


def _take(registry: Registry, folder: Path, tag: str) -> tuple[dict[str, str], bool]:
    """Puts a version into the store unless it is there.

    Returns:
        The hashes of its files, and whether it was new.
    """
    name, _, version = tag.partition(":")
    model = registry.model(name)
    staged = folder / "models" / name / version
    if list((folder / "models").glob("*/*")) != [staged]:
        raise RegistryError(f"The archive should hold {tag}, and that alone.")
    brought = model_in(folder / "models", tag)
    place = model_store_folder() / name / version
    if place.exists():
        there, new = file_hashes(find_version(tag)), file_hashes(brought)
        if there != new:
            differing = ", ".join(sorted(dict(there.items() ^ new.items())))
            raise RegistryError(
                f"The store has another {tag} already, which differs in {differing}. Nothing was "
                "changed: a tag is for one version, so train or export it under another one."
            )
        return there, False
    files = require_fit(model, brought, registry.history.events(name))
    os.sync()
    place.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(place)
    # BentoML finds the newest of those that are there, and notes it.
    (place.parent / "latest").unlink(missing_ok=True)
    bentoml.models.get(f"{name}:latest")
    return files, True


def _enter(registry: Registry, tag: str, files: dict[str, str], origin: str) -> Alias | None:
    name = tag.partition(":")[0]
    champion = registry.history.aliases().standing(name, CHAMPION)
    alias: Alias = CHAMPION if champion is None else "challenger"
    change = entry(find_version(tag), alias, files, f"imported ({origin})")
    return alias if registry.history.register(change) else None
