"""A BentoML home with versions of a model, and a registry that says which of them serves."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bentoml

from deploy.processes import ROOT
from framework import Bundle
from framework.adapters.bentoml import create_model_in
from framework.card import CARD_FILE, ModelCard
from framework.integrity import CARD_SHA256, digest
from framework.pointer import CHAMPION, Alias, Standing
from framework.servers import ServerFolder, WorkerState, server_folders
from registry.events import Change
from registry.history import History
from tests.server.swap.models.levels import FILE, MODEL, Level
from tests.unit.framework.fitted import card_of

REGISTRY = (
    "import sys; from registry.__main__ import main; "
    "sys.exit(main(sys.argv[1:], package='tests.server.swap.models'))"
)


SLOW, UNFIT = 300, 400
"""Versions that a server loads once the gate is open, and that it refuses."""


class Home:
    """The home.

    Args:
        path: Its folder.
        datums: Of each version: `levels:at-<datum>` adds so much.

    Attributes:
        gate: A file whose being there lets go what a server holds.
    """

    def __init__(self, path: Path, *datums: int) -> None:
        self.path, self.gate = path, path / "gate"
        self.history = History(path)
        for datum in datums:
            store(path / "models", datum)
        self._hashes = {
            datum: {one.name: digest(one.read_bytes()) for one in self.file(datum).parent.iterdir()}
            for datum in datums
        }

    def point(self, datum: int) -> None:
        """Makes a version champion, as the registry does, but without any check."""
        tag, files = tag_of(datum), self._hashes[datum]
        if not self.history.register(Change("register", CHAMPION, tag, files)):
            self.history.move(Change("promote", CHAMPION, tag, files), self.champion)
        self.history.publish()

    def share(self, alias: Alias, datum: int, share: float) -> None:
        """Gives a shadow or canary its share of the requests."""
        expected = self.history.aliases().standing(MODEL.name, alias)
        change = Change("promote", alias, tag_of(datum), self._hashes[datum], share=share)
        self.history.move(change, expected)
        self.history.publish()

    @property
    def champion(self) -> Standing | None:
        """The version that should serve."""
        return self.history.aliases().standing(MODEL.name, CHAMPION)

    def registry(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the registry's command line."""
        return subprocess.run(
            [sys.executable, "-c", REGISTRY, *arguments],
            cwd=ROOT,
            env={**os.environ, "BENTOML_HOME": str(self.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def variables(self) -> dict[str, str]:
        """What makes of this process's environment that of a server, in which nothing is pinned."""
        pins = {name: "" for name in os.environ if name.endswith("_MODEL")}
        return {
            **pins,
            "BENTOML_HOME": str(self.path),
            "MODEL_SERVER_REPOSITORY": "true",
            "MODEL_SERVER_AUDIT": str(self.path / "audit.jsonl"),
            "MODEL_SERVER_RECORD": str(self.path / "record"),
            "SWAP_GATE": str(self.gate),
            "SWAP_SLOW": str(SLOW),
            "SWAP_UNFIT": str(UNFIT),
        }

    @property
    def champion_tag(self) -> str:
        """Its tag."""
        return self.champion.tag if self.champion else ""

    def folders(self) -> list[ServerFolder]:
        """The folders of servers that live."""
        return [one for one in server_folders(self.path) if one.living()]

    def workers(self) -> list[WorkerState]:
        """What the workers that live tell."""
        return [told for one in server_folders(self.path) for told in one.living().values()]

    def file(self, datum: int) -> Path:
        """The file of a version."""
        return self.path / "models" / MODEL.name / f"at-{datum}" / FILE


def tag_of(datum: int) -> str:
    """Tag of the version that adds so much."""
    return f"{MODEL.name}:at-{datum}"


def store(folder: Path, datum: int) -> None:
    """Stores the version that adds so much, as training does."""
    records = MODEL.encoder.from_records([Level.model_validate(one) for one in MODEL.sample])
    contents = {FILE: str(datum).encode()}
    known: dict[str, Any] = {"files": {name: digest(content) for name, content in contents.items()}}
    bare = Bundle(MODEL, tag_of(datum), card_of(MODEL, ()), float(datum))
    known["golden"] = [
        {"record": record.model_dump(mode="json"), "prediction": answer.model_dump(mode="json")}
        for record, answer in zip(records, bare.predict(records), strict=True)
    ]
    card: ModelCard = card_of(MODEL, (), **known)
    contents[CARD_FILE] = card.model_dump_json().encode()
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {CARD_SHA256: digest(contents[CARD_FILE])}
    tag = bentoml.Tag.from_taglike(tag_of(datum))
    with create_model_in(folder, tag, metadata=metadata) as stored:
        for name, content in contents.items():
            Path(stored.path_of(name)).write_bytes(content)
