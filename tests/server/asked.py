"""What the tests of the running server ask of it, whichever models there are."""

from collections.abc import Sequence
from typing import Any

from framework import Model
from framework.discovery import find_models

MODELS = find_models()
MODEL = next(iter(MODELS.values()))
"""The model of the tests that need but one."""

TEXT_MODEL = next((model for model in MODELS.values() if model.encoder.texts), None)
EXPLAINED_MODEL = next((model for model in MODELS.values() if model.explanation), None)


def body_of(model: Model[Any, Any], records: Sequence[Any] | None = None) -> dict[str, Any]:
    """The body of a request for records; without any, for the model's first sample."""
    return {model.rows: [dict(model.sample[0])] if records is None else list(records)}


def route_of(api: str) -> str:
    """The route of an API: `/<model>/predict` of `predict_<model>`."""
    verb, _, name = api.partition("_")
    return f"/{name}/{verb}"


ROUTE = route_of(f"predict_{MODEL.name}")
BODY = body_of(MODEL)
NO_RECORD = body_of(MODEL, [1])
"""A body that is refused whatever the type of a record."""
