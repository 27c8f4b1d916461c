"""Services whose methods need the thread, the loop or the instance that BentoML gives them."""

import asyncio
import threading
from typing import Any

import anyio.from_thread
import anyio.lowlevel
import bentoml

from tests.server.differential.services import Decorate, Kind, get, post


async def length(text: str) -> int:
    """Something to await."""
    await anyio.lowlevel.checkpoint()
    return len(text)


def threads(service: Decorate) -> Any:
    """Synchronous batches that ask the event loop, or run one."""

    @service(threads=2)
    class Threads:
        def __init__(self) -> None:
            self.started: list[str] = []
            # What the framework's services keep their own models in.
            self.models = {"lengths": len}

        @bentoml.on_startup
        async def warm(self) -> None:
            await asyncio.sleep(0)
            self.started.append("warm")

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def by_anyio(self, texts: list[str]) -> list[int]:
            return [anyio.from_thread.run(length, text) for text in texts]

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def by_asyncio(self, texts: list[str]) -> list[int]:
            return [asyncio.run(length(text)) for text in texts]

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def beside(self, texts: list[str]) -> list[bool]:
            return [threading.current_thread() is threading.main_thread() for _ in texts]

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        async def loop(self, texts: list[str]) -> list[int]:
            return [await length(text) for text in texts]

        @bentoml.api(route="/lengths/predict", batchable=True, max_latency_ms=10_000)
        def predict(self, texts: list[str]) -> list[int]:
            return [self.models["lengths"](text) for text in texts]

        @bentoml.api
        async def told(self) -> list[str]:
            return self.started

    return Threads


def composed(service: Decorate) -> Any:
    """A service that asks another one, and itself."""

    @service()
    class Inner:
        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def double(self, numbers: list[int]) -> list[int]:
            return [2 * number for number in numbers]

        @bentoml.api
        def refuse(self, why: str) -> str:
            raise bentoml.exceptions.NotFound(why)

    @service()
    class Outer:
        inner: Any = bentoml.depends(Inner)

        @bentoml.api
        def double(self, numbers: list[int]) -> list[int]:
            return list(self.inner.double(numbers))

        @bentoml.api(batchable=True, max_latency_ms=10_000)
        def batched(self, numbers: list[int]) -> list[int]:
            return list(self.inner.double(numbers))

        @bentoml.api
        async def own(self, numbers: list[int]) -> list[int]:
            answers: list[int] = await self.to_async.batched(numbers)  # type: ignore[attr-defined]
            return answers

        @bentoml.api
        def refuse(self, why: str) -> str:
            return str(self.inner.refuse(why))

    return Outer


TEXTS = {"json": {"texts": ["a", "bcd"]}}
NUMBERS = {"json": {"numbers": [1, 2]}}
KINDS = [
    Kind(
        threads,
        [
            # The first batch of an API is always long; the twentieth is not.
            *[post("/by_anyio", **TEXTS)] * 20,
            *[post("/by_asyncio", **TEXTS)] * 20,
            *[post("/beside", **TEXTS)] * 20,
            *[post("/loop", **TEXTS)] * 3,
            *[post("/lengths/predict", **TEXTS)] * 3,
            post("/told"),
            get("/told"),
        ],
        fast=["/by_anyio", "/by_asyncio", "/beside", "/loop", "/lengths/predict"],
    ),
    Kind(
        composed,
        [
            post("/double", **NUMBERS),
            *[post("/batched", **NUMBERS)] * 20,
            post("/own", **NUMBERS),
            post("/refuse", json={"why": "there is no such thing here"}),
            post("/double", json={"numbers": "x"}),
        ],
        fast=["/batched"],
    ),
]
