"""A turn of the event loop is bounded by refusing the large bodies that come too late in it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from serving import turn
from serving.errors import Code, ServingError
from serving.turn import LARGE_BYTES, require_quiet, require_time

SMALL, LARGE = b" " * (LARGE_BYTES - 1), b" " * LARGE_BYTES


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that one can wait for."""
    monkeypatch.setattr(turn, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(turn, "BUSY_SECONDS", 0.05)


def spend() -> None:
    """Reads a large body for too long."""
    require_time(LARGE)
    time.sleep(0.02)


def refusal(require: Callable[[], None]) -> ServingError:
    with pytest.raises(ServingError) as refused:
        require()
    return refused.value


def run(check: Callable[[], Awaitable[None]]) -> None:
    """Runs a check in a loop of its own."""

    async def checked() -> None:
        await check()

    asyncio.run(checked())


def test_large_bodies_are_read_until_the_turn_has_lasted() -> None:
    async def check() -> None:
        require_time(LARGE)
        require_time(LARGE)
        spend()
        refused = refusal(lambda: require_time(LARGE))
        assert refused.code is Code.OVERLOADED
        assert dict(refused.headers) == {"retry-after": "1"}
        require_time(SMALL)

    run(check)


def test_the_next_turn_reads_again() -> None:
    async def check() -> None:
        spend()
        refusal(lambda: require_time(LARGE))
        await asyncio.sleep(0)
        require_time(LARGE)

    run(check)


def test_what_has_yet_to_come_is_refused_for_a_moment() -> None:
    async def check() -> None:
        require_quiet()
        spend()
        require_quiet()
        refusal(lambda: require_time(LARGE))
        assert refusal(require_quiet).code is Code.OVERLOADED
        await asyncio.sleep(0.06)
        require_quiet()

    run(check)


def test_each_loop_has_turns_of_its_own() -> None:
    async def check() -> None:
        spend()

    run(check)
    run(check)
