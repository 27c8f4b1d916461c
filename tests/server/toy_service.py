"""A service without any of our models: every kind of API that the fast path answers or leaves."""

import asyncio
import os
import time
from typing import Annotated

import bentoml
from bentoml.exceptions import InvalidArgument
from pydantic import BaseModel, Field

from serving import ModelService, load_settings

SETTINGS = load_settings()
MAX_BATCH_ROWS = 8


class Row(BaseModel):
    """One row of a request."""

    value: float
    name: str = ""
    sleep: Annotated[float, Field(ge=0, le=30)] = 0
    fail: bool = False


class Doubled(BaseModel):
    """Answer to one row."""

    value: float
    name: str


class Batch(BaseModel):
    """A batch that was computed."""

    pid: int
    names: list[str]


@bentoml.service(
    name="toy",
    service_class=ModelService if SETTINGS.fast_path else bentoml.Service,
    workers=SETTINGS.workers,
    threads=4,
    traffic={"timeout": SETTINGS.timeout_seconds},
    logging={"access": {"enabled": SETTINGS.access_log}},
)
class Toy:
    """Doubles, negates, sleeps and fails."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_ROWS, max_latency_ms=20_000)
    def double(self, rows: list[Row]) -> list[Doubled]:
        """Takes a named list."""
        return [Doubled(value=2 * row.value, name=row.name) for row in rows]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def lengths(self, texts: list[str], /) -> list[int]:
        """Takes the list alone."""
        return [len(text) for text in texts]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    async def negate(self, numbers: list[int]) -> list[int]:
        """Takes turns with the other work of the loop."""
        await asyncio.sleep(0)
        return [-number for number in numbers]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def pick(self, rows: list[Row]) -> list[float]:
        """Fails for the rows that are marked."""
        if any(row.fail for row in rows):
            raise ValueError("a secret of the implementation")
        if any(row.name == "bad" for row in rows):
            raise InvalidArgument("a bad name is not allowed")
        return [row.value for row in rows]

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_ROWS, max_latency_ms=20_000)
    def sleep(self, rows: list[Row]) -> list[float]:
        """Takes as long as its slowest row asks for, and records its batches."""
        self.batches.append(Batch(pid=os.getpid(), names=[row.name for row in rows]))
        time.sleep(max(row.sleep for row in rows))
        return [row.value for row in rows]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def lose(self, rows: list[Row]) -> list[float]:
        """Answers one row too few."""
        return [row.value for row in rows[1:]]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def mistype(self, rows: list[Row]) -> list[int]:
        """Answers with something else than it says."""
        return [row.name for row in rows]  # type: ignore[misc]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def divide(self, rows: list[Row]) -> list[float]:
        """Answers not-a-number for zero, as array libraries do."""
        return [1 / row.value if row.value else float("nan") for row in rows]

    @bentoml.api(batchable=True, max_latency_ms=20_000)
    def number(self, rows: list[Row], ctx: bentoml.Context) -> list[float]:
        """Takes a context, and is left to BentoML."""
        ctx.response.headers["x-rows"] = str(len(rows))
        return [row.value for row in rows]

    @bentoml.api
    def greet(self, name: str, times: int = 1) -> str:
        """Is not batchable."""
        return f"Hello {name}! " * times

    @bentoml.api
    def crash(self, name: str) -> str:
        """Always fails, outside the fast path."""
        raise LookupError("a secret of the implementation")

    @bentoml.api
    def recorded(self) -> list[Batch]:
        """Tells the batches of `sleep` in the worker that answers."""
        return self.batches
