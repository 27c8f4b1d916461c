"""Large bodies are read one after another in a thread, and refused where that would take long."""

import asyncio
import contextlib
import gc
import threading

import pytest

from serving import beside
from serving.beside import WAITING_BYTES, read_beside
from serving.errors import Code, ServingError
from tests.unit.serving.loops import run

ERRORS = 50


async def begun(task: "asyncio.Task[object]") -> "asyncio.Task[object]":
    """Lets a reading begin."""
    await asyncio.sleep(0)
    return task


def test_the_loop_goes_on_meanwhile() -> None:
    gate = threading.Event()

    async def check() -> None:
        waiting = await begun(asyncio.ensure_future(read_beside(1, gate.wait, 30)))
        # Were it read on the loop, nobody would get here.
        gate.set()
        assert await waiting is True

    run(check)


def test_one_is_read_at_a_time_in_order() -> None:
    read: list[int] = []
    at_once = threading.Semaphore(1)

    def one(number: int) -> int:
        assert at_once.acquire(blocking=False)
        read.append(number)
        at_once.release()
        return number

    async def check() -> None:
        found = await asyncio.gather(*(read_beside(1, one, number) for number in range(20)))
        assert found == read == list(range(20))

    run(check)


def fail(kind: type[Exception]) -> None:
    """Raises, and keeps no error in a frame."""
    raise kind("mine")


def refuse() -> None:
    """Refuses."""
    raise ServingError(Code.INVALID_INPUT)


@pytest.mark.parametrize("kind", [ValueError, KeyError])
def test_an_error_is_its_callers(kind: type[Exception]) -> None:
    async def check() -> None:
        with pytest.raises(kind, match="mine"):
            await read_beside(1, fail, kind)
        assert await read_beside(1, str, 1) == "1"

    run(check)


@pytest.mark.usefixtures("no_collector")
def test_errors_leave_no_cycles() -> None:
    async def ask() -> None:
        with contextlib.suppress(ServingError):
            await read_beside(1, refuse)

    async def check() -> None:
        await ask()
        gc.collect()
        for _ in range(ERRORS):
            await ask()
        assert gc.collect() < ERRORS

    run(check)


async def refused(size: int) -> bool:
    """Whether a body is refused, beside another that is being read."""
    gate = threading.Event()
    try:
        first = await begun(asyncio.ensure_future(read_beside(size, gate.wait, 30)))
        second = await begun(asyncio.ensure_future(read_beside(size, str, 1)))
        is_refused = second.done()
        gate.set()
        await first
        if is_refused:
            with pytest.raises(ServingError) as told:
                await second
            assert told.value.code is Code.OVERLOADED
            assert dict(told.value.headers) == {"retry-after": "1"}
        else:
            assert await second == "1"
        return is_refused
    finally:
        gate.set()


def test_what_would_wait_for_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        # Nothing is known of what a byte costs before the first was read.
        assert not await refused(1)
        monkeypatch.setattr(beside, "WAIT_SECONDS", 0.0)
        assert await refused(1)
        # Alone it is read all the same, so that a wrong expectation corrects itself.
        assert await read_beside(1, str, 2) == "2"

    run(check)


def test_more_than_fits_into_memory_is_refused() -> None:
    async def check() -> None:
        assert not await refused(WAITING_BYTES // 2)
        assert await refused(WAITING_BYTES // 2 + 1)
        assert not await refused(1)

    run(check)
