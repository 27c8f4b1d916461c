"""A service that can also be asked over gRPC: slow, failing, and keeping a record."""

import asyncio

import bentoml
from pydantic import BaseModel

from serving import ModelService, load_settings
from tests.server import toy_pb2

SETTINGS = load_settings()


class Row(BaseModel):
    """One row of a request."""

    name: str
    seconds: float = 0


@bentoml.service(
    name="rpc_toy",
    service_class=ModelService,
    workers=SETTINGS.workers,
    threads=2,
    traffic={"timeout": SETTINGS.timeout_seconds},
    ssl=SETTINGS.ssl,
)
class RpcToy:
    """Sleeps and fails."""

    protos = (toy_pb2.DESCRIPTOR,)

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.ready = True

    def __is_ready__(self) -> bool:
        return self.ready

    @bentoml.api(route="/toy/mood")
    def mood(self, ready: bool) -> None:
        """Says from now on whether it is ready."""
        self.ready = ready

    @bentoml.api(route="/toy/sleep", batchable=True, max_batch_size=8, max_latency_ms=20_000)
    async def sleep(self, rows: list[Row]) -> list[str]:
        """Takes as long as its slowest row asks for, and records its batches.

        A coroutine, so that the batcher never runs it inline.
        """
        self.batches.append([row.name for row in rows])
        await asyncio.sleep(max(row.seconds for row in rows))
        return [row.name for row in rows]

    @bentoml.api(route="/toy/fail", batchable=True, max_latency_ms=20_000)
    def fail(self, rows: list[Row]) -> list[str]:
        """Always fails."""
        raise ValueError("a secret of the implementation")

    @bentoml.api(route="/toy/batches")
    def recorded(self) -> list[list[str]]:
        """Tells the batches of `sleep` in the worker that answers."""
        return self.batches
