"""The models that are measured, and the part that each plays in the benchmark."""

from collections.abc import Mapping
from typing import Any

from framework import Model
from framework.discovery import ModelNotFoundError, find_models
from framework.recipes.lightgbm import LightGBM

AnyModel = Model[Any, Any]
ROLES = ("table", "text", "other")


def assigned(models: Mapping[str, AnyModel]) -> dict[str, list[str]]:
    """Returns role → names of the models that play it.

    The `table` is the first LightGBM model whose records have no text (or else the first model of
    any recipe whose records have none), the `text` is the first model whose records have one, and
    `other` is every model besides.
    """
    numeric = [name for name, model in models.items() if not model.encoder.texts]
    boosted = [name for name in numeric if isinstance(models[name], LightGBM)]
    table = (boosted or numeric)[:1]
    text = [name for name in models if name not in numeric][:1]
    other = [name for name in models if name not in (*table, *text)]
    return dict(zip(ROLES, (table, text, other), strict=True))


def primary(models: Mapping[str, AnyModel]) -> AnyModel:
    """Returns the model that most measurements are about: the `table`, or else the `text`.

    Raises:
        ModelNotFoundError: There is no model.
    """
    roles = assigned(models)
    for name in (*roles["table"], *roles["text"]):
        return models[name]
    raise ModelNotFoundError(
        "There is no model to measure; `python -m framework new NAME` makes one."
    )


MODELS = find_models()
ASSIGNED = assigned(MODELS)
PRIMARY = primary(MODELS)
