"""What several tests of the serving modules need."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Leaves all cyclic garbage to the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
