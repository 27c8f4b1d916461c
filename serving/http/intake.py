"""In what order large request bodies are read: one after the other, not all a little.

Read all at once, the bodies of many clients would end together, later than any of them has
patience for. Some are read at a time; a body that was begun goes before those that were not, and
what is not read stays in the kernel, where its client waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from serving.each_loop import EachLoop
from serving.http.asgi import Message, Receive
from serving.turn import overloaded, take_time

FLOWING = 8
"""Bodies that are read at a time."""

MOST_WAITING = 128
"""Bodies that may wait to be begun; further ones are refused."""

WAIT_SECONDS = 1.0
"""A body that could not be begun for so long is refused."""

STALL_SECONDS = 0.05
"""A body of which nothing came for so long is slow: it makes way, and is read whenever it comes."""


class _Places:
    """Places of the bodies that are read, and who waits for one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._begun: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()
        self._free = FLOWING

    def require(self) -> None:
        if len(self._new) >= MOST_WAITING:
            raise overloaded()

    async def take(self, *, begun: bool) -> None:
        line = self._begun if begun else self._new
        if self._free and not line:
            self._free -= 1
            return
        place = self._loop.create_future()
        line.append(place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled():
                self.leave()
            elif place in line:
                line.remove(place)
            raise

    def leave(self) -> None:
        self._free += 1
        # Whoever leaves with one piece, and comes again for the next, is first.
        self._loop.call_soon(self._fill)

    def _fill(self) -> None:
        while self._free and (line := self._begun or self._new):
            place = line.popleft()
            if not place.done():
                self._free -= 1
                place.set_result(None)


_places = EachLoop(_Places)


class Intake:
    """Receives a large body, each piece in its turn; an ASGI `receive`.

    Args:
        receive: What it is received by.
        require_room: Raises if its rows would only be refused; asked when it is begun.

    Raises:
        ServingError: `overloaded`: too many wait to be begun.
    """

    def __init__(self, receive: Receive, require_room: Callable[[], None]) -> None:
        self._receive = receive
        self._require_room = require_room
        self._loop = asyncio.get_running_loop()
        self._places = _places()
        self._places.require()
        self._has_begun = self._is_slow = False
        self._stall: asyncio.Handle | None = None

    async def __call__(self) -> Message:
        """Returns the next message.

        Raises:
            ServingError: `overloaded`: the body could not be begun in time.
            Exception: What `receive` or `require_room` raised.
        """
        if self._is_slow:
            await take_time()
            return await self._receive()
        await self._take_place()
        try:
            await take_time()
            if not self._has_begun:
                self._require_room()
                self._has_begun = True
            self._stall = self._loop.call_later(STALL_SECONDS, self._look_again)
            return await self._receive()
        finally:
            if self._stall is not None:
                self._stall.cancel()
            if not self._is_slow:
                self._places.leave()

    async def _take_place(self) -> None:
        if self._has_begun:
            await self._places.take(begun=True)
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.take(begun=False)
        except TimeoutError:
            raise overloaded() from None

    def _look_again(self) -> None:
        # A loop that was busy for that long sees first that the time is over, and then what came.
        self._stall = self._loop.call_soon(self._make_way)

    def _make_way(self) -> None:
        self._is_slow = True
        self._places.leave()
