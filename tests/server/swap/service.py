"""A service whose methods meet a swap in every way: at once, in a coroutine, outside a batch."""

import asyncio
import os
from pathlib import Path

import bentoml

from serving import BATCHED, ModelService, ServedModels, load_settings, resources_app
from tests.server.swap.models import levels
from tests.server.swap.models.levels import Level, Reading

SETTINGS = load_settings()
GATE = os.environ.get("SWAP_GATE")
"""File whose being there lets those go that are held."""

MODELS = ServedModels.select(levels.MODEL)
SMALL = {**BATCHED, "max_batch_size": 4, "max_latency_ms": 20_000}


@bentoml.service(
    name="swapped",
    service_class=ModelService,
    workers=SETTINGS.workers,
    threads=2,
    traffic={"timeout": SETTINGS.timeout_seconds},
    logging={"access": {"enabled": False}},
    envs=MODELS.environment,
)
@bentoml.asgi_app(resources_app(), path="/")
@MODELS.attach
class Swapped:
    """Levels above a datum."""

    def __init__(self) -> None:
        self.models = MODELS.load()

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Ends the start with one sentence where a model must not be served."""
        MODELS.load()

    @bentoml.api(route="/levels/predict", input_spec=levels.MODEL.request, **BATCHED)
    def predict_levels(self, levels: list[Level]) -> list[Reading]:
        """Answers as the model does."""
        return self.models["levels"].predict(levels)

    @bentoml.api(route="/levels/held", **SMALL)
    async def held_levels(self, heights: list[float]) -> list[float]:
        """Answers by a coroutine, in batches of four, once it is let go."""
        before = self.models["levels"].tag
        await _gate_opens()
        model = self.models["levels"]
        assert model.tag == before
        answers = model.predict([Level(height=height) for height in heights])
        return [answer.value for answer in answers]

    @bentoml.api(route="/levels/told")
    async def told(self) -> list[str]:
        """Tells, outside any batch, which version it sees at its begin, and once it is let go."""
        before = self.models["levels"].tag
        await _gate_opens()
        return [before, self.models["levels"].tag]


async def _gate_opens() -> None:
    # Another process opens it.
    while GATE and not Path(GATE).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)
