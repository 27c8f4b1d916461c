"""What several tests of the serving modules need."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Leaves all cyclic garbage to the test."""
    gc.disable()
    # What there is already is left out of the collections to come: each would take half a second.
    gc.freeze()
    yield
    gc.unfreeze()
    gc.enable()
