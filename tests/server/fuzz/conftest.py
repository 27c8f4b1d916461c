"""One server for all that is made up, watched while it answers."""

import contextlib
from collections.abc import Iterator

import pytest

from framework.discovery import find_models
from security.commands import create_key
from tests.plugin import pinned
from tests.processes import Server
from tests.server.fuzz.probe import FILE_VARIABLE, Probe
from tests.server.fuzz.watch import Watch
from tests.server.toy_formula import Computed


@pytest.fixture(scope="package")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """The server, which wants a key, and what its answers cost."""
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    key, _ = create_key(keys, "made up", ["*"], None)
    # What is made up spoils the key now and then.
    locked = {"MODEL_SERVER_KEYS": str(keys), "MODEL_SERVER_FAILED_ATTEMPTS": "0"}
    shared = tmp_path_factory.mktemp("probe") / "probe"
    probe = Probe(shared)
    models = find_models("tests.server.toy_models")
    stored = {name: one.store() for name, one in models.items() if isinstance(one, Computed)}
    with contextlib.ExitStack() as stack:
        with pinned(stored):
            running = stack.enter_context(
                Server.start(
                    "tests.server.toy_plane:Plane",
                    environment={**locked, FILE_VARIABLE: str(shared)},
                )
            )
        watched = stack.enter_context(contextlib.closing(Watch(running, key, probe)))
        yield watched
        watched.require_memory_given_back()
