"""One server for all that is made up, watched while it answers."""

import contextlib
from collections.abc import Iterator

import pytest

from framework.discovery import find_models
from tests.plugin import pinned
from tests.processes import Server
from tests.server.fuzz.watch import Watch
from tests.server.toy_formula import Computed


@pytest.fixture(scope="package")
def watch() -> Iterator[Watch]:
    """The server, and what its answers cost."""
    models = find_models("tests.server.toy_models")
    stored = {name: one.store() for name, one in models.items() if isinstance(one, Computed)}
    with contextlib.ExitStack() as stack:
        with pinned(stored):
            running = stack.enter_context(Server.start("tests.server.toy_plane:Plane"))
        watched = stack.enter_context(contextlib.closing(Watch(running)))
        yield watched
        watched.require_memory_given_back()
