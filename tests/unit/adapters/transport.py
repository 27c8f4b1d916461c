"""A transport without a network."""

import asyncio
from typing import Any


class RecordingTransport(asyncio.Transport):
    """Keeps what is written.

    Attributes:
        writes: Everything written, in order.
        end: How it was closed: `closed`, `aborted`, or empty.
        protocol: What `set_protocol` was given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.end = ""
        self.protocol: asyncio.BaseProtocol | None = None

    @property
    def closed(self) -> bool:
        """Whether it was closed in any way."""
        return bool(self.end)

    def write(self, data: Any) -> None:
        """Keeps it."""
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Closes."""
        self.end = "closed"

    def abort(self) -> None:
        """Aborts."""
        self.end = "aborted"

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Keeps it."""
        self.protocol = protocol

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""
