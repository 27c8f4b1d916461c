"""`fastapi-tuned`: the best plain FastAPI one would write without batching.

The schemas and predictors are the service's own. Bodies are declared, so that they are validated
and documented; `async def`, because a thread would cost more than a prediction; a declared return
type, because FastAPI then has pydantic write the JSON at once.
"""

from typing import TYPE_CHECKING

from load_tests.systems.base import CONTRACT, System, nothing, uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import os

    import bentoml
    from fastapi import FastAPI

    from models.attrition.predictor import AttritionPredictor
    from models.attrition.schema import Attrition, EmployeesRequest
    from models.predictor import load_trusted
    from models.topics.predictor import TopicsPredictor
    from models.topics.schema import TextsRequest, Topic

    attrition = load_trusted(AttritionPredictor, bentoml.models.get(os.environ["ATTRITION_MODEL"]))
    topics = load_trusted(TopicsPredictor, bentoml.models.get(os.environ["TOPICS_MODEL"]))
    app = FastAPI()

    @app.post("/attrition/predict")
    async def predict_attrition(request: EmployeesRequest) -> list[Attrition]:
        return attrition.predict(request.employees)

    @app.post("/topics/predict")
    async def predict_topics(request: TextsRequest) -> list[Topic]:
        return topics.predict(request.texts)

    return app


SYSTEM = System(
    name="fastapi-tuned",
    what="the best plain FastAPI one would write without batching: the service's own schemas and "
    "predictors, async, uvloop, httptools, no access log",
    command=uvicorn(
        "load_tests.systems.fastapi_tuned:make_app",
        *("--factory", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ),
    environment=nothing,
    dialects=CONTRACT,
)
