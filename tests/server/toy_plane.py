"""A service of the toy models, whose methods have logic of their own."""

import asyncio
import os
from pathlib import Path

import bentoml

from serving import BATCHED, ModelService, PlainService, ServedModels, load_settings, resources_app
from tests.server.fuzz.probe import FILE_VARIABLE, tick
from tests.server.raised import raise_by_name
from tests.server.toy_models import gauges, kinds, spans, windows
from tests.server.toy_models.gauges import Estimate, Gauge
from tests.server.toy_models.kinds import HELD, NONE, Kind, Thing
from tests.server.toy_models.spans import Reasons, Span, Width
from tests.server.toy_models.windows import Spectrum, Window

SETTINGS = load_settings()
MODELS = ServedModels.select(gauges.MODEL, kinds.MODEL, spans.MODEL, windows.MODEL)

PATIENT = {**BATCHED, "max_latency_ms": 20_000}


@bentoml.service(
    name="toy_plane",
    service_class=ModelService if SETTINGS.fast_path else PlainService,
    workers=SETTINGS.workers,
    threads=2,
    traffic={"timeout": SETTINGS.timeout_seconds},
    ssl=SETTINGS.ssl,
    envs=MODELS.environment,
)
@bentoml.asgi_app(resources_app(), path="/")
@MODELS.attach
class Plane:
    """Predictions, on their way changed."""

    def __init__(self) -> None:
        self.models = MODELS.load()
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.ticking: asyncio.Task[None] | None = None

    @bentoml.on_startup
    async def probe(self) -> None:
        """Measures the turns of the event loop, if somebody looks at them."""
        if file := os.environ.get(FILE_VARIABLE):
            self.ticking = asyncio.create_task(tick(Path(file)))

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Ends the start with one sentence where a model must not be served."""
        MODELS.load()

    @bentoml.api(route="/gauges/predict", input_spec=gauges.MODEL.request, **BATCHED)
    def predict_gauges(self, gauges: list[Gauge]) -> list[Estimate]:
        """Answers as the model does."""
        return self.models["gauges"].predict(gauges)

    @bentoml.api(route="/windows/predict", input_spec=windows.MODEL.request, **BATCHED)
    def predict_windows(self, windows: list[Window]) -> list[Spectrum]:
        """Asks the model twice, and puts the answers together."""
        half, model = len(windows) // 2, self.models["windows"]
        return [*model.predict(windows[:half]), *model.predict(windows[half:])]

    @bentoml.api(route="/spans/predict", input_spec=spans.MODEL.request, **BATCHED)
    def predict_spans(self, spans: list[Span]) -> list[Width]:
        """Answers for some spans by their names, or raises."""
        raise_by_name([span.name for span in spans])
        answers = self.models["spans"].predict(spans)
        shut = Width(probability=0.0, wide=False)
        return [
            shut if span.name == "shut" else answer
            for span, answer in zip(spans, answers, strict=True)
        ]

    @bentoml.api(route="/spans/explain", input_spec=spans.MODEL.request, **BATCHED)
    def explain_spans(self, spans: list[Span]) -> list[Reasons]:
        """Explains."""
        return self.models["spans"].explain(spans)

    @bentoml.api(route="/kinds/predict", input_spec=kinds.MODEL.request, **PATIENT)
    async def predict_kinds(self, things: list[Thing]) -> list[Kind]:
        """Asks the model about things that have a size, and calls the largest so.

        A coroutine, so that the batcher never runs it inline.
        """
        self.batches.append([thing.name for thing in things])
        if any(thing.name == HELD for thing in things):
            await self.gate.wait()
        answers = iter(self.models["kinds"].predict([one for one in things if one.size >= 0]))
        return [self._changed(one, next(answers)) if one.size >= 0 else NONE for one in things]

    @bentoml.api(route="/kinds/batches")
    def recorded(self) -> list[list[str]]:
        """Tells the batches of `predict_kinds`."""
        return self.batches

    @bentoml.api(route="/kinds/release")
    async def release(self) -> None:
        """Lets those go that are held."""
        self.gate.set()

    def _changed(self, thing: Thing, answer: Kind) -> Kind:
        if thing.size < 500:
            return answer
        return answer.model_copy(update={"kind": "vast", "probability": 1.0})
