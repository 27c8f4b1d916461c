"""`fastapi-tuned`: the best plain FastAPI one would write without batching.

The record and answer types and the computation are the service's own. Bodies are declared, so
that they are validated and documented; `async def`, because a thread would cost more than a
prediction; a declared return type, because FastAPI then has pydantic write the JSON at once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from load_tests.systems.base import CONTRACT, System, nothing, uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

    from framework import Bundle


def make_app() -> "FastAPI":
    """Makes the application; uvicorn calls this in every worker."""
    import os

    import bentoml
    from fastapi import FastAPI

    from framework import Bundle
    from load_tests.roles import MODELS

    app = FastAPI()
    for name, model in MODELS.items():
        stored = bentoml.models.get(os.environ[f"{name.upper()}_MODEL"])
        _add(app, CONTRACT[name].path, Bundle.load(model, stored))
    return app


def _add(app: "FastAPI", path: str, bundle: "Bundle[Any, Any]") -> None:
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
    "computation, async, uvloop, httptools, no access log",
    command=uvicorn(
        "load_tests.systems.fastapi_tuned:make_app",
        *("--factory", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
    ),
    environment=nothing,
    dialects=CONTRACT,
)
