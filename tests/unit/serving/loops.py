"""Running a check in an event loop of its own."""

import asyncio
from collections.abc import Awaitable, Callable

SECONDS = 20


def run(check: Callable[[], Awaitable[None]]) -> None:
    """Runs a check; one that hangs fails."""

    async def checked() -> None:
        async with asyncio.timeout(SECONDS):
            await check()

    asyncio.run(checked())
