"""The Bento service: which models are served, and under which typed APIs."""

import bentoml

from models import attrition, topics
from models.attrition import Attrition, AttritionExplanation, Employee
from models.topics import Text, Topic
from serving import BATCHED, ModelService, PlainService, ServedModels, load_settings, resources_app

SETTINGS = load_settings()
MODELS = ServedModels.select(attrition.MODEL, topics.MODEL)


@bentoml.service(
    name="model_server",
    service_class=ModelService if SETTINGS.fast_path else PlainService,
    workers=SETTINGS.workers,
    # So many batches may be computed at once: the models can be called from several threads.
    threads=3,
    traffic={"timeout": SETTINGS.timeout_seconds},
    ssl=SETTINGS.ssl,
    logging={"access": {"enabled": SETTINGS.access_log and not SETTINGS.fast_path}},
    envs=MODELS.environment,
)
@bentoml.asgi_app(resources_app(), path="/")
@MODELS.attach
class ModelServer:
    """Predictions of typed models, batched, over HTTP, gRPC and the Open Inference Protocol.

    Every prediction names the exact model that made it in the header `X-Model-Tag`, and its
    request in `X-Request-ID`.
    """

    def __init__(self) -> None:
        # A worker that computes anything else than the trainer did never becomes ready.
        self.models = MODELS.load()

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Ends the start with one sentence where a model must not be served: no worker is made."""
        MODELS.load()

    @bentoml.api(route="/attrition/predict", input_spec=attrition.MODEL.request, **BATCHED)
    def predict_attrition(self, employees: list[Employee]) -> list[Attrition]:
        """Probability of leaving, one answer per employee, in order."""
        return self.models["attrition"].predict(employees)

    @bentoml.api(route="/attrition/explain", input_spec=attrition.MODEL.request, **BATCHED)
    def explain_attrition(self, employees: list[Employee]) -> list[AttritionExplanation]:
        """Why: the contribution of every feature to the score, largest first."""
        return self.models["attrition"].explain(employees)

    @bentoml.api(route="/topics/predict", input_spec=topics.MODEL.request, **BATCHED)
    def predict_topics(self, texts: list[Text]) -> list[Topic]:
        """Topic of each text with the probability of every topic, in order."""
        return self.models["topics"].predict(texts)
