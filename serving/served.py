"""Stored models as the server sees them: which one is served, and what is told of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import bentoml
from bentoml.exceptions import BentoMLException, NotFound
from bentoml.models import BentoModel
from numpy.typing import NDArray
from pydantic import BaseModel

from serving.errors import Code, ServingError
from serving.open_inference.signature import Signature

T = TypeVar("T")


def pinned_model(name: str) -> BentoModel:
    """Refers to the exact model that this server serves under `name`.

    The tag is taken from the environment (`ATTRITION_MODEL` for `attrition`). Where that is not
    set it is the one a Bento was built with or, outside a Bento, the newest in the store at this
    moment. Handing the exact tag on to the workers (see `pinned_models_environment`) keeps a
    worker that starts later, after another training run, on the same model as its siblings.

    Raises:
        BentoMLException: The store has no such model; the message says how to make one.
    """
    variable = _variable(name)
    tag = os.environ.get(variable) or _bento_environment().get(variable) or f"{name}:latest"
    try:
        return BentoModel(bentoml.models.get(tag).tag)
    except NotFound as error:
        raise BentoMLException(
            f"The BentoML store has no model {tag}: train one with `python -m training {name}`, "
            f"or name one of `bentoml models list` in {_variable(name)}."
        ) from error


def pinned_models_environment(models: Sequence[BentoModel]) -> list[dict[str, str]]:
    """Environment entries for `@bentoml.service(envs=…)` that pin the workers to these models."""
    return [{"name": _variable(model.tag.name), "value": str(model.tag)} for model in models]


@cache
def _bento_environment() -> dict[str, str]:
    """What the Bento that this code is part of was built with; nothing outside a Bento."""
    bento = Path(__file__).parents[2]
    if not (bento / "bento.yaml").is_file():
        return {}
    return {entry.name: entry.value for entry in bentoml.Bento.from_path(bento).info.envs}


def _variable(name: str) -> str:
    return f"{name.upper().replace('-', '_')}_MODEL"


class Card(Protocol):
    """What the server tells of a model; the card stored with it has these fields."""

    framework: str
    versions: dict[str, str]
    data: Any
    parameters: dict[str, Any]
    performance: dict[str, dict[str, float]]


class Predictor(Protocol):
    """What the server needs of a predictor to describe it, and to answer whole columns."""

    card: Any

    @property
    def record_type(self) -> type[BaseModel]:
        """Type of one record."""
        ...

    @property
    def prediction_type(self) -> type[BaseModel]:
        """Type of one prediction."""
        ...

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """Field of a prediction that is a mapping → its keys, in the order of their columns."""
        ...

    def features_from_columns(self, columns: Mapping[str, Any]) -> NDArray[Any]:
        """Returns what the model computes on, one row per record.

        Args:
            columns: Field of a record → its values in all of them, as an array; of a `Literal`
                field, their positions among its values.
        """
        ...

    def predict_features(self, features: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """Returns the fields of the predictions as arrays, one row per row of the features."""
        ...


@dataclass(frozen=True)
class ServedModel:
    """One model that a worker has loaded."""

    tag: str
    created: datetime
    card: Card
    predictor: Predictor

    @property
    def version(self) -> str:
        """Version part of the tag."""
        return self.tag.partition(":")[2]

    @cached_property
    def signature(self) -> Signature:
        """What it takes and gives, column by column.

        Raises:
            TypeError: Its records or predictions are not made of columns.
        """
        predictor = self.predictor
        return Signature.of(predictor.record_type, predictor.prediction_type, predictor.labels)

    @classmethod
    def of(cls, model: bentoml.Model, predictor: Predictor) -> Self:
        """Describes a stored model and the predictor made from it."""
        return cls(
            tag=str(model.tag),
            created=model.creation_time,
            card=predictor.card,
            predictor=predictor,
        )


def served_models() -> Mapping[str, ServedModel]:
    """Returns the models of the running service instance, by name."""
    models: Mapping[str, ServedModel] = bentoml.get_current_service().models
    return models


def find(items: Mapping[str, T], name: str, what: str) -> T:
    """Looks up what a request names.

    Raises:
        ServingError: `not_found`, with the names there are.
    """
    if name not in items:
        raise ServingError(
            Code.NOT_FOUND, f"There is no {what} of this name; there are: {', '.join(items)}."
        )
    return items[name]


class Versioned(Protocol):
    """Anything made of one stored model."""

    @property
    def version(self) -> str:
        """Version part of the model's tag."""
        ...


V = TypeVar("V", bound=Versioned)


def find_model(models: Mapping[str, V], name: str, version: str = "") -> V:
    """Looks up a model by name and version; an empty version means any.

    Raises:
        ServingError: `not_found`, with what there is.
    """
    model = find(models, name, "model")
    if version not in ("", model.version):
        raise ServingError(
            Code.NOT_FOUND,
            f"Model {name} has no version of this name; there is: {model.version}.",
        )
    return model


def served_model(name: str, version: str = "") -> ServedModel:
    """Looks up a model of the running service instance; see `find_model`."""
    return find_model(served_models(), name, version)
