"""The Bento service: which models are served, and under which typed APIs."""

import bentoml

from models.attrition import attrition_pb2
from models.attrition.predictor import AttritionPredictor
from models.attrition.schema import Attrition, AttritionExplanation, Employee, EmployeesRequest
from models.predictor import load_trusted
from models.topics import topics_pb2
from models.topics.predictor import TopicsPredictor
from models.topics.schema import Text, TextsRequest, Topic
from serving import (
    ModelService,
    ServedModel,
    load_settings,
    pinned_model,
    pinned_models_environment,
    require_free_port,
    resources_app,
)

SETTINGS = load_settings()
ATTRITION = pinned_model("attrition")
TOPICS = pinned_model("topics")


@bentoml.service(
    name="model_server",
    service_class=ModelService if SETTINGS.fast_path else bentoml.Service,
    workers=SETTINGS.workers,
    # One thread for each API: the predictors can be called from several.
    threads=3,
    traffic={"timeout": SETTINGS.timeout_seconds},
    ssl=SETTINGS.ssl,
    logging={"access": {"enabled": SETTINGS.access_log}},
    envs=pinned_models_environment([ATTRITION, TOPICS]),
)
@bentoml.asgi_app(resources_app(), path="/")
class ModelServer:
    """Predictions of two models: who is about to leave, and what a project is about.

    Every prediction names the exact model that made it in the header `X-Model-Tag`, and its
    request in `X-Request-ID`.
    """

    attrition_model = ATTRITION
    topics_model = TOPICS
    protos = (attrition_pb2.DESCRIPTOR, topics_pb2.DESCRIPTOR)

    def __init__(self) -> None:
        # A worker that computes anything else than the trainer did never becomes ready.
        self.attrition = load_trusted(AttritionPredictor, self.attrition_model)
        self.topics = load_trusted(TopicsPredictor, self.topics_model)
        self.models = {
            "attrition": ServedModel.of(self.attrition_model, self.attrition),
            "topics": ServedModel.of(self.topics_model, self.topics),
        }

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Checks once, before any worker starts, what would make each of them fail."""
        require_free_port(SETTINGS)
        load_trusted(AttritionPredictor, ATTRITION.resolve())
        load_trusted(TopicsPredictor, TOPICS.resolve())

    @bentoml.api(
        route="/attrition/predict",
        input_spec=EmployeesRequest,
        batchable=True,
        max_batch_size=1_000,
        max_latency_ms=1_000,
    )
    def predict_attrition(self, employees: list[Employee]) -> list[Attrition]:
        """Probability of leaving, one answer per employee, in order."""
        return self.attrition.predict(employees)

    @bentoml.api(
        route="/attrition/explain",
        input_spec=EmployeesRequest,
        batchable=True,
        max_batch_size=1_000,
        max_latency_ms=1_000,
    )
    def explain_attrition(self, employees: list[Employee]) -> list[AttritionExplanation]:
        """Why: the contribution of every feature to the score, largest first."""
        return self.attrition.explain(employees)

    @bentoml.api(
        route="/topics/predict",
        input_spec=TextsRequest,
        batchable=True,
        max_batch_size=1_000,
        max_latency_ms=1_000,
    )
    def predict_topics(self, texts: list[Text]) -> list[Topic]:
        """Topic of each text with the probability of every topic, in order."""
        return self.topics.predict(texts)
