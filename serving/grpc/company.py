"""Under concurrency, calls wait for each other, and are answered together."""

import asyncio

# gRPC hands calls over one at a time, and waking its threads and the client for each costs more
# than a prediction (docs/decisions.md).
JOIN_SECONDS = 0.002
"""How long a call waits at most."""

COMPANY = 8
"""Calls that come together in this time if it is worth while."""

VAIN_WAITS = 16
"""After so many in a row that were not, no call waits …"""

CALLS_BETWEEN_LOOKS = 4_000
"""… until so many have passed."""


class Company:
    """The calls that wait for each other; made on the event loop to which it belongs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []
        self._vain_waits = 0
        self._calls_until_look = 0

    async def wait(self) -> None:
        """Waits until the time of the first call that waits is up."""
        if self._calls_until_look:
            self._calls_until_look -= 1
            return
        if not self._waiting:
            self._loop.call_later(JOIN_SECONDS, self._go_on)
        own = self._loop.create_future()
        self._waiting.append(own)
        await own

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._vain_waits = self._vain_waits + 1 if len(waiting) < COMPANY else 0
        if self._vain_waits >= VAIN_WAITS:
            self._vain_waits, self._calls_until_look = 0, CALLS_BETWEEN_LOOKS
        for one in waiting:
            if not one.done():
                one.set_result(None)
