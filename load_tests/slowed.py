"""A service so slow that a generator can offer it three times what it can do.

It shows what the server does under overload without the generator being the limit: the model
sleeps, a fixed time for each batch and each row.
"""

import time

import bentoml
from pydantic import BaseModel

from serving import ModelService

BATCH_SECONDS = 0.005
ROW_SECONDS = 0.003
MAX_BATCH_SIZE = 32
MAX_LATENCY_MS = 1_000


class Item(BaseModel):
    """One row; its content does not matter."""

    number: int


class Answer(BaseModel):
    """One answer; it proves whose it is."""

    doubled: int


# Without the access log, like the real service: a line a request waits for the disk.
@bentoml.service(
    name="slowed",
    service_class=ModelService,
    traffic={"timeout": 30},
    logging={"access": {"enabled": False}},
)
class Slowed:
    """Doubles numbers, slowly."""

    @bentoml.api(
        route="/slowed/predict",
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=MAX_LATENCY_MS,
    )
    def predict(self, items: list[Item]) -> list[Answer]:
        """One answer per item, in order."""
        time.sleep(BATCH_SECONDS + ROW_SECONDS * len(items))
        return [Answer(doubled=2 * item.number) for item in items]
