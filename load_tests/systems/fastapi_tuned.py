"""`fastapi-tuned`: the best plain FastAPI one would write without this project.

Pydantic's types, one array of a request's records, the library's own prediction on one thread, and
one comprehension of its answers. Bodies are declared, so that they are validated and documented;
`async def`, because a thread would cost more than a prediction; a declared return type, because
FastAPI then has pydantic write the JSON at once.
"""

from typing import TYPE_CHECKING

from load_tests.systems.base import CONTRACT, System, nothing, uvicorn

if TYPE_CHECKING:
    import bentoml
    from fastapi import FastAPI

    from load_tests.roles import AnyModel


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import os

    import bentoml
    from fastapi import FastAPI

    from load_tests.roles import MODELS

    app = FastAPI()
    for name, model in MODELS.items():
        add(
            app, CONTRACT[name].path, model, bentoml.models.get(os.environ[f"{name.upper()}_MODEL"])
        )
    return app


def add(app: "FastAPI", path: str, model: "AnyModel", stored: "bentoml.Model") -> None:
    """Adds the route of one model of the store."""
    from framework import ModelCard, Records
    from load_tests.library import library
    from load_tests.systems.by_hand import answers_maker, matrix_maker

    card = ModelCard.read(stored)
    scores = library(model, stored)
    matrix = matrix_maker(model.encoder)
    texts = model.encoder.texts
    answers = answers_maker(
        list(model.answer.model_fields), model.task.answer_labels(model.answer, card)
    )

    @app.post(path)
    async def predict(request: model.request) -> list[model.answer]:  # type: ignore[name-defined]
        records = getattr(request, model.rows)
        written = {name: [getattr(one, name) for one in records] for name in texts}
        # The model's own features, for those that derive some; without any, the matrix itself.
        features = model.features(Records(model.encoder, matrix(records), written))
        return answers(model.columns_of(scores(features), card))


SYSTEM = System(
    name="fastapi-tuned",
    what="the best plain FastAPI one would write without this project: pydantic's types, one NumPy "
    "array a request, the library's own `predict` on one thread, async, uvloop, httptools, no "
    "access log",
    command=uvicorn(
        "load_tests.systems.fastapi_tuned:make_app",
        *("--factory", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ),
    environment=nothing,
    dialects=CONTRACT,
)
