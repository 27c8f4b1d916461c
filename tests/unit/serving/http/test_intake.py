"""Large bodies are read one after the other, and none that is slow holds another up."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from serving.errors import Code, ServingError
from serving.http import intake
from serving.http.asgi import Message
from serving.http.intake import Intake
from tests.unit.serving.loops import run

PIECES = 3


@pytest.fixture(autouse=True)
def one_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One body is read at a time; in the end its place is free."""
    monkeypatch.setattr(intake, "FLOWING", 1)
    intake._places.made.clear()
    monkeypatch.setattr(intake, "MOST_WAITING", 2)
    yield
    assert all(one._free == 1 for one in intake._places.made.values())


def accept() -> None:
    """There is room."""


class Body:
    """A body of three pieces, of which the second waits until it may come."""

    def __init__(self, name: str, read: list[str]) -> None:
        self.name, self.read = name, read
        self.may_come = asyncio.Event()
        self.may_come.set()
        self.pieces = 0

    async def receive(self) -> Message:
        """Gives the next piece, in a later turn of the loop, as a socket does."""
        await asyncio.sleep(0)
        if self.pieces == 1:
            await self.may_come.wait()
        self.pieces += 1
        self.read.append(self.name)
        return {"type": "http.request", "body": b"", "more_body": self.pieces < PIECES}

    async def taken(self, require_room: Callable[[], None] = accept) -> None:
        """Takes all pieces."""
        receive = Intake(self.receive, require_room)
        while (await receive())["more_body"]:
            pass


def test_a_body_that_was_begun_is_read_to_its_end_first() -> None:
    async def check() -> None:
        read: list[str] = []
        await asyncio.gather(*(Body(name, read).taken() for name in "abc"))
        assert "".join(read) == "aaabbbccc"

    run(check)


def test_a_body_that_stalls_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "STALL_SECONDS", 0.01)

    async def check() -> None:
        read: list[str] = []
        slow, other = Body("a", read), Body("b", read)
        slow.may_come.clear()
        reading = asyncio.create_task(slow.taken())
        await asyncio.sleep(0)
        await other.taken()
        assert "".join(read) == "abbb"
        slow.may_come.set()
        await reading
        assert "".join(read) == "abbbaa"

    run(check)


def test_a_full_line_is_refused() -> None:
    async def check() -> None:
        read: list[str] = []
        tasks = [asyncio.create_task(Body(name, read).taken()) for name in "abc"]
        await asyncio.sleep(0)
        with pytest.raises(ServingError) as refused:
            Intake(Body("d", read).receive, accept)
        assert refused.value.code is Code.OVERLOADED
        await asyncio.gather(*tasks)
        await Body("e", read).taken()

    run(check)


def test_who_waits_too_long_to_be_begun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "WAIT_SECONDS", 0.02)

    async def check() -> None:
        read: list[str] = []
        slow = Body("a", read)
        slow.may_come.clear()
        reading = asyncio.create_task(slow.taken())
        await asyncio.sleep(0)
        with pytest.raises(ServingError) as refused:
            await Body("b", read).taken()
        assert refused.value.code is Code.OVERLOADED
        slow.may_come.set()
        await reading
        assert read == ["a"] * PIECES

    run(check)


def test_who_gives_up_holds_nobody_up() -> None:
    async def check() -> None:
        read: list[str] = []
        first, second, third = (asyncio.create_task(Body(name, read).taken()) for name in "abc")
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await third
        assert "".join(read).endswith("ccc")
        await asyncio.gather(first, second, return_exceptions=True)

    run(check)


def test_nothing_is_read_of_what_would_be_refused() -> None:
    async def check() -> None:
        read: list[str] = []
        error = ServingError(Code.OVERLOADED)

        def refuse() -> None:
            raise error

        with pytest.raises(ServingError) as refused:
            await Body("a", read).taken(refuse)
        assert refused.value is error
        await Body("b", read).taken()
        assert read == ["b"] * PIECES

    run(check)
