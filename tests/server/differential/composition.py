"""Two services of one Bento, one of which asks the other, both of our class."""

from pathlib import Path
from typing import Any

import bentoml
import numpy as np

from serving import ModelService

CORS = {"enabled": True, "access_control_allow_origins": ["https://example.com"]}


@bentoml.service(service_class=ModelService)
class Inner:
    """Is asked by the other alone."""

    @bentoml.api(batchable=True, max_latency_ms=10_000)
    def double(self, numbers: list[int]) -> list[int]:
        """Is on the fast path, but asked in BentoML's own content type."""
        return [2 * number for number in numbers]

    @bentoml.api
    def total(self, array: np.ndarray) -> float:
        """Takes what JSON has no form for."""
        return float(array.sum())


@bentoml.service(service_class=ModelService, http={"cors": CORS})
class Outer:
    """Asks the other."""

    inner: Any = bentoml.depends(Inner)

    @bentoml.api(batchable=True, max_latency_ms=10_000)
    def double(self, numbers: list[int]) -> list[int]:
        """Asks from a batch."""
        return list(self.inner.double(numbers))

    @bentoml.api
    async def total(self, size: int) -> float:
        """Asks from the event loop."""
        return float(await self.inner.to_async.total(np.ones(size)))

    @bentoml.api
    def size(self, file: Path) -> int:
        """Takes a file."""
        return len(file.read_bytes())

    @bentoml.task
    def later(self, number: int) -> int:
        """Answers later."""
        return number + 1
