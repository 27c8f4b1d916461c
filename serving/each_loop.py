"""What each event loop has of its own."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class EachLoop(Generic[T]):
    """Something that is made for an event loop when it is first asked for, and goes with it.

    Args:
        make: Makes it for a loop.

    Attributes:
        made: What there is, by loop.
    """

    def __init__(self, make: Callable[[asyncio.AbstractEventLoop], T]) -> None:
        self._make = make
        self.made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        """Returns that of the running loop."""
        loop = asyncio.get_running_loop()
        found = self.made.get(loop)
        if found is None:
            found = self.made[loop] = self._make(loop)
        return found
