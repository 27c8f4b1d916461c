"""What a worker arranges for itself before it serves."""

import resource
from collections.abc import Iterator

import pytest

from serving.lifecycle import allow_descriptors


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The limits of this process, restored afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_worker_takes_the_descriptors_it_may_have(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))

    allow_descriptors()

    soft, still = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert still == hard
    assert soft == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536))


def test_it_never_gives_any_back(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    allow_descriptors()

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
