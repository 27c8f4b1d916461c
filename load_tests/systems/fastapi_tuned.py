"""`fastapi-tuned`: the best plain FastAPI one would write without batching.

The record and answer types and the computation are the service's own, but for the short way through
pipelines of texts, which nobody has who loads a pipeline. Bodies are declared, so that they are
validated and documented; `async def`, because a thread would cost more than a prediction; a
declared return type, because FastAPI then has pydantic write the JSON at once.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from load_tests.systems.base import CONTRACT, System, nothing, uvicorn

if TYPE_CHECKING:
    import bentoml
    from fastapi import FastAPI

    from framework import Bundle
    from load_tests.roles import AnyModel


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import os

    import bentoml
    from fastapi import FastAPI

    from load_tests.roles import MODELS

    app = FastAPI()
    for name, model in MODELS.items():
        stored = bentoml.models.get(os.environ[f"{name.upper()}_MODEL"])
        add(app, CONTRACT[name].path, load(model, stored))
    return app


def load(model: "AnyModel", stored: "bentoml.Model") -> "Bundle[Any, Any]":
    """Loads a model; one of scikit-learn's with the pipeline that skops reads, as it is."""
    from pathlib import Path

    from framework import Bundle
    from framework.recipes import skops_archive
    from framework.recipes.pipeline import MODEL_FILE, Pipeline

    bundle = Bundle.load(model, stored)
    if not isinstance(model, Pipeline):
        return bundle
    content = Path(stored.path_of(MODEL_FILE)).read_bytes()
    return dataclasses.replace(bundle, estimator=skops_archive.loads(content, model.name))


def add(app: "FastAPI", path: str, bundle: "Bundle[Any, Any]") -> None:
    """Adds the route of one model."""
    model = bundle.model
    written_out = _written_out(list(model.answer.model_fields))

    @app.post(path)
    async def predict(request: model.request) -> list[model.answer]:  # type: ignore[name-defined]
        records = model.encoder.from_records(getattr(request, model.rows))
        answers: Any = bundle.predict(records)
        return written_out(zip(*answers.values(), strict=True))


def _written_out(names: Sequence[str]) -> Callable[[Iterable[Any]], list[Any]]:
    """Returns the list comprehension that one would write by hand for the fields of an answer.

    With a `dict(zip(…))` for each answer the baseline would be slower than it has to be.
    """
    pairs = ", ".join(f"{name!r}: {name}" for name in names)
    source = f"lambda rows: [{{{pairs}}} for ({', '.join(names)},) in rows]"
    return cast(Callable[[Iterable[Any]], list[Any]], eval(source))  # noqa: S307 - our own names


SYSTEM = System(
    name="fastapi-tuned",
    what="the best plain FastAPI one would write without batching: the service's own types and "
    "computation, scikit-learn's pipelines as they are, async, uvloop, httptools, no access log",
    command=uvicorn(
        "load_tests.systems.fastapi_tuned:make_app",
        *("--factory", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ),
    environment=nothing,
    dialects=CONTRACT,
)
