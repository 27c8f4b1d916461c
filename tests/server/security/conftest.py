"""A server that is locked, and keys for it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bentoml
import pytest

from framework.access.scopes import AREAS, PREDICT, READ
from security.commands import create_key, revoke
from tests.plugin import pinned
from tests.processes import Server

TARGET = "tests.server.security.guarded:Guarded"


@dataclass
class Keys:
    """A file of keys.

    Attributes:
        path: The file.
        made: All keys that were ever in it.
    """

    path: Path
    made: list[str] = field(default_factory=list)

    def make(self, *scopes: str) -> str:
        """Makes a key with these scopes."""
        key, _ = create_key(self.path, "a test", scopes, None)
        self.made.append(key)
        return key

    def revoke(self, key: str) -> None:
        """Revokes a key."""
        revoke(self.path, [key.split("_")[1]])


@dataclass
class Locked:
    """A server that wants a key.

    Attributes:
        server: The server, with two workers.
        keys: Its file of keys.
        everything: A key that may do all there is.
        by_scope: Scope → a key that has it alone.
        log: Its log file.
        record: Its record.
        audit: Its audit log.
    """

    server: Server
    keys: Keys
    everything: str
    by_scope: Mapping[str, str]
    log: Path
    record: Path
    audit: Path


def scopes_of_all(models: Sequence[str]) -> list[str]:
    """One scope for each thing that a key may be allowed."""
    own = ["greet:call", "later:call", "own:call", "spans:explain"]
    return [*AREAS, *own, *(f"{name}:{action}" for name in models for action in (PREDICT, READ))]


@pytest.fixture(scope="package")
def locked(
    toy_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Locked]:
    """The server of these tests; it logs and records all that it may."""
    folder = tmp_path_factory.mktemp("locked")
    keys = Keys(folder / "keys.json")
    everything = keys.make("*")
    by_scope = {scope: keys.make(scope) for scope in scopes_of_all(list(toy_models))}
    log, record, audit = folder / "server.log", folder / "record", folder / "audit.jsonl"
    environment = {
        "MODEL_SERVER_KEYS": str(keys.path),
        "MODEL_SERVER_ACCESS_LOG": "true",
        "MODEL_SERVER_LOG_LEVEL": "debug",
        "MODEL_SERVER_LOG_FILE": str(log),
        "MODEL_SERVER_RECORD": str(record),
        "MODEL_SERVER_AUDIT": str(audit),
        # Attacks fail more often than anybody.
        "MODEL_SERVER_FAILED_ATTEMPTS": "0",
    }
    with contextlib.ExitStack() as stack:
        with pinned(toy_models):
            server = stack.enter_context(Server.start(TARGET, workers=2, environment=environment))
        yield Locked(server, keys, everything, by_scope, log, record, audit)
