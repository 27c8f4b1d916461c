"""One request in the batcher, and what bounds it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving.batching.computation import Chunk


@dataclass(frozen=True)
class Limits:
    """Bounds of one batcher."""

    max_batch_rows: int
    max_queue_rows: int
    max_latency: float
    """Seconds from arrival to answer beyond which a request is refused instead of queued."""

    timeout: float
    """Seconds after which a request is given up, whatever has become of it."""


class Ticket:
    """One request in the batcher."""

    __slots__ = ("answers", "arrived", "future", "missing", "rows", "taken")

    def __init__(self, rows: Chunk, future: "asyncio.Future[Any]", arrived: float) -> None:
        self.rows = rows
        self.future = future
        self.arrived = arrived
        self.taken = 0
        self.missing = len(rows)
        self.answers: list[Sequence[Any]] = []


Slice = tuple[Ticket, int, int]
"""A request's rows from one position up to another."""
