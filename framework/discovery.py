"""Finding the models: each folder below `models/` is one, under the folder's name."""

import importlib
from pathlib import Path
from typing import Any

from framework.fields import FieldError
from framework.model import Model

ROOT = Path(__file__).parent.parent


class ModelNotFoundError(LookupError):
    """There is no model of a name; the message says which there are."""


def model_names(package: str = "models") -> list[str]:
    """Returns the names of the models, sorted, without importing any."""
    folder = ROOT.joinpath(*package.split("."))
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def find_model(name: str, package: str = "models") -> Model[Any, Any]:
    """Returns the model of a name.

    Raises:
        ModelNotFoundError: There is none.
        FieldError: Its module defines no `MODEL`, or one of another name.
    """
    if name not in (names := model_names(package)):
        known = f"there are: {', '.join(names)}" if names else "there is none yet"
        raise ModelNotFoundError(
            f"There is no model {name!r}; {known}. `python -m framework new {name}` makes one."
        )
    model = getattr(importlib.import_module(f"{package}.{name}"), "MODEL", None)
    if not isinstance(model, Model) or model.name != name:
        raise FieldError(
            f"{package}/{name}/__init__.py should define MODEL, a model whose name is {name!r}."
        )
    return model


def find_models(package: str = "models") -> dict[str, Model[Any, Any]]:
    """Returns all models by name; see `find_model`."""
    return {name: find_model(name, package) for name in model_names(package)}
