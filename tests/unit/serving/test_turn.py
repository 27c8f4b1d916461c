"""A turn of the event loop is bounded: large bodies wait for the next one, in their order."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from serving import turn
from serving.errors import Code, ServingError
from serving.turn import TURN_BYTES, may_be_large, require_place, take_time
from tests.unit.serving.loops import run

PARTIES = 5


def spend() -> None:
    """Takes longer than a turn should."""
    time.sleep(0.006)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Turns that hold one body, and a line that is soon full."""
    monkeypatch.setattr(turn, "TURN_SECONDS", 0.005)
    monkeypatch.setattr(turn, "MOST_WAITING", PARTIES - 1)
    yield
    assert all(one.waiting == 0 for one in turn._turns.made.values())


class Reader:
    """Reads large bodies for too long, and remembers in which turn of the loop it read each."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.turns: list[int] = []
        self.turn = 0

    def count(self) -> None:
        """Counts the turns of the loop, from now on."""
        self.turn += 1
        asyncio.get_running_loop().call_soon(self.count)

    async def __call__(self, number: int) -> None:
        await take_time()
        self.read.append(number)
        self.turns.append(self.turn)
        spend()


def test_a_turn_reads_no_more_once_it_has_lasted() -> None:
    async def check() -> None:
        reader = Reader()
        reader.count()
        await asyncio.gather(*map(reader, range(PARTIES)))

        assert reader.read == list(range(PARTIES))
        assert len(set(reader.turns)) == PARTIES

    run(check)


def test_a_turn_reads_many_that_take_no_time() -> None:
    async def check() -> None:
        reader = Reader()
        reader.count()
        for _ in range(100):
            await take_time()
        assert reader.turn <= 1

    run(check)


def test_who_comes_later_does_not_come_first() -> None:
    async def check() -> None:
        reader = Reader()
        first = [asyncio.create_task(reader(number)) for number in range(PARTIES)]
        late: list[asyncio.Task[None]] = []
        while not first[-1].done():
            await asyncio.sleep(0)
            if len(late) < 50:
                late.append(asyncio.create_task(reader(PARTIES + len(late))))
        await asyncio.gather(*first, *late)

        assert reader.read == sorted(reader.read)

    run(check)


def test_who_gives_up_holds_nobody_up() -> None:
    async def check() -> None:
        reader = Reader()
        tasks = [asyncio.create_task(reader(number)) for number in range(PARTIES)]
        await asyncio.sleep(0)
        for task in tasks[1:-1]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert reader.read == [0, PARTIES - 1]

    run(check)


def test_a_full_line_is_refused() -> None:
    async def check() -> None:
        require_place()
        tasks = [asyncio.create_task(Reader()(number)) for number in range(PARTIES)]
        await asyncio.sleep(0)
        with pytest.raises(ServingError) as refused:
            require_place()
        await asyncio.gather(*tasks)
        require_place()

        assert refused.value.code is Code.OVERLOADED
        assert dict(refused.value.headers) == {"retry-after": "1"}

    run(check)


@pytest.mark.parametrize(
    ("length", "large"), [(None, True), (TURN_BYTES - 1, False), (TURN_BYTES, True)]
)
def test_what_says_nothing_may_be_large(length: int | None, large: bool) -> None:
    headers = {} if length is None else {b"content-length": b"%d" % length}
    assert may_be_large(headers) is large


def test_each_loop_has_turns_of_its_own() -> None:
    async def check() -> None:
        await asyncio.gather(*map(Reader(), range(PARTIES)))

    run(check)
    run(check)
