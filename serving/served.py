"""The served models: which stored model stands behind each, and what a request finds."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import bentoml
from bentoml import server_context
from bentoml.exceptions import BentoMLConfigException, BentoMLException, NotFound
from bentoml.models import BentoModel

from framework import Bundle, Model, ModelRefusedError
from framework.adapters.bentoml import APIMethod, home_folder, is_serving
from framework.pointer import read_pointer
from serving.access.principal import asking
from serving.errors import Code, ServingError
from serving.settings import load_settings
from serving.settings.spelling import refuse_misspelt
from serving.siblings import served_by_siblings
from serving.versions import Models

logger = logging.getLogger("bentoml.serving")

T = TypeVar("T")
C = TypeVar("C")
_SELECTION = "MODELS"
# Not `…_MODELS`: it chooses nothing.
_FOLLOWED = "MODELS_OF_REGISTRY"


class ServedModels:
    """The models of a service, each with the exact stored model that is served.

    Args:
        references: Name → definition and reference of each model that is served.
        left_out: Names of those that are not.
        followed: Names of those that follow the registry.
    """

    def __init__(
        self,
        references: Mapping[str, tuple[Model[Any, Any], BentoModel]],
        left_out: set[str],
        followed: frozenset[str],
    ) -> None:
        self._references = references
        self._left_out = left_out
        self._followed = followed

    @classmethod
    def select(cls, *models: Model[Any, Any]) -> Self:
        """Pins the models that the setting `MODELS` names, or all of them.

        The tag is taken from the environment (`DIABETES_MODEL` for `diabetes`). Where that is not
        set it is the one a Bento was built with or, outside a Bento, the registry's champion at
        this moment; of a model without champion, the newest in the store. A model whose tag was
        set by neither follows the registry from then on (`serving.takeover`).

        The exact tags are handed on to the workers (`environment`). One that starts later, after
        another training run or promotion, begins with what its siblings serve.

        Raises:
            BentoMLException: The store lacks a model, or a name is unknown; the message says what
                to do.
        """
        known = {model.name: model for model in models}
        refuse_misspelt({name: _variable(name) for name in known})
        wanted = load_settings().models or _bento_environment().get(_SELECTION, "")
        names = [name.strip() for name in wanted.split(",") if name.strip()] or list(known)
        if unknown := [name for name in names if name not in known]:
            raise BentoMLConfigException(
                f"{_SELECTION} names {', '.join(unknown)}; this service has {', '.join(known)}."
            )
        pinned = _all_or_refuse(
            {name: partial(_pinned, name) for name in known if name in names}, BentoMLException
        )
        references = {name: (known[name], reference) for name, reference in pinned.items()}
        followed = frozenset(name for name in references if _is_followed(name))
        return cls(references, set(known) - set(names), followed)

    @property
    def names(self) -> list[str]:
        """Names of the models that are served."""
        return list(self._references)

    @property
    def environment(self) -> list[dict[str, str]]:
        """Entries for `@bentoml.service(envs=…)` that keep the workers on these models."""
        pinned = [
            {"name": _variable(name), "value": str(reference.tag)}
            for name, (_, reference) in self._references.items()
        ]
        if self._left_out:
            pinned.append({"name": _SELECTION, "value": ",".join(self._references)})
        if self._followed and is_serving():
            pinned.append({"name": _FOLLOWED, "value": ",".join(sorted(self._followed))})
        return pinned

    def attach(self, service: type[C]) -> type[C]:
        """Prepares the class of a service: to stand below `@bentoml.service`.

        It gets the references to its models, which a Bento takes along, and the descriptors of
        their gRPC services, and loses the APIs of the models that are left out.
        """
        for name, (_, reference) in self._references.items():
            setattr(service, f"{name}_model", reference)
        descriptors = [model.descriptor for model, _ in self._references.values()]
        service.protos = tuple(one for one in descriptors if one is not None)  # type: ignore[attr-defined]
        for name, member in list(vars(service).items()):
            if isinstance(member, APIMethod) and member.route.split("/")[1] in self._left_out:
                delattr(service, name)
        return service

    def load(self) -> Models:
        """Loads the models, each of which must reproduce its golden examples; by name.

        A method has to look a model up each time: which version it gets may change.

        Raises:
            ModelRefusedError: Some must not be served; the message says why and what to do.
        """
        loaded = _all_or_refuse(
            {
                name: partial(load_version, model, reference.tag)
                for name, (model, reference) in self._references.items()
            },
            ModelRefusedError,
        )
        if server_context.worker_index is None:
            # Once for all workers, by the process that makes them.
            for bundle in loaded.values():
                if why := bundle.computation.hindrance:
                    detail = bundle.computation.detail and f" ({bundle.computation.detail})"
                    logger.warning("Model %s is not compiled: %s%s", bundle.tag, why, detail)
        return Models(loaded, self._followed)


def _all_or_refuse(
    makers: Mapping[str, Callable[[], T]], refusal: type[BentoMLException]
) -> dict[str, T]:
    """Makes something for each model, by name, or refuses with the reason of each that failed.

    A service starts with all of its models or not at all: which it has should not depend on what
    happens to be in a store. Leaving some out has to be asked for, and the message says how.
    """
    made, problems = {}, []
    for name, make in makers.items():
        try:
            made[name] = make()
        except refusal as error:
            problems.append(str(error))
    if problems and made:
        problems.append(f"{_SELECTION}={','.join(made)} serves the others alone.")
    if problems:
        raise refusal(" ".join(problems))
    return made


def _pinned(name: str) -> BentoModel:
    tag = _chosen(name) or _champion(name)
    if server_context.worker_index is not None:
        # The process that made this worker has found the model. Whether it is still there shows
        # when it is loaded: by then the worker can say so.
        return BentoModel((_is_followed(name) and served_by_siblings(name)) or tag)
    return BentoModel(_stored(name, tag).tag)


def _chosen(name: str) -> str:
    """The version that somebody chose, of this process or of the Bento; empty if nobody did."""
    variable = _variable(name)
    return os.environ.get(variable) or _bento_environment().get(variable) or ""


def _is_followed(name: str) -> bool:
    """Whether it is the registry that says which version of a model serves."""
    if server_context.worker_index is None:
        return not _chosen(name)
    # To a worker, all versions were chosen: by the process that made it, too.
    return name in os.environ.get(_FOLLOWED, "").split(",")


def _champion(name: str) -> str:
    """The registry's champion or, of a model that it does not know, the newest."""
    return read_pointer(home_folder()).champions().get(name, f"{name}:latest")


def pin_of(name: str) -> str:
    """Returns what pins a model that does not follow the registry, for people."""
    return f"{_variable(name)}, or the Bento's own choice,"


def load_version(model: Model[Any, Any], tag: bentoml.Tag | str) -> Bundle[Any, Any]:
    """Loads a stored version of a model, which must reproduce its golden examples.

    Raises:
        ModelRefusedError: It must not be served; the message says why and what to do.
    """
    return Bundle.load(model, _stored(model.name, tag))


def _stored(name: str, tag: bentoml.Tag | str) -> bentoml.Model:
    """Returns a stored model.

    Raises:
        ModelRefusedError: There is none of this tag, BentoML's own record of it is broken, or it is
            another's.
    """
    absent = ModelRefusedError(
        f"The BentoML store has no model {tag}: train one with `python -m training {name}`, or "
        f"name one of `bentoml models list` in {_variable(name)}."
    )
    try:
        wanted = bentoml.Tag.from_taglike(tag)
    except (BentoMLException, ValueError):
        raise absent from None
    try:
        found = bentoml.models.get(wanted)
    except NotFound:
        raise absent from None
    # BentoML reads its record by YAML and cattrs, each of which has its own errors.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ModelRefusedError(
            f"The BentoML store cannot give model {tag} ({type(error).__name__}: {reason}); "
            f"retrain with `python -m training {name}`, or name another in {_variable(name)}."
        ) from error
    if wanted.version not in (None, "latest", found.tag.version):
        raise ModelRefusedError(f"The folder of model {wanted} holds model {found.tag}.")
    return found


@cache
def _bento_environment() -> dict[str, str]:
    """What the Bento that this code is part of was built with; nothing outside a Bento."""
    bento = Path(__file__).parents[2]
    if not (bento / "bento.yaml").is_file():
        return {}
    return {entry.name: entry.value for entry in bentoml.Bento.from_path(bento).info.envs}


def _variable(name: str) -> str:
    return f"{name.upper()}_MODEL"


def served_models() -> Mapping[str, Bundle[Any, Any]]:
    """Returns the models of the running service instance that who asks may be told of, by name."""
    return visible(_models())


def visible(models: Mapping[str, T]) -> dict[str, T]:
    """Returns of what is known by the names of models what who asks may be told of."""
    principal = asking.get()
    return {name: one for name, one in models.items() if principal.sees(name)}


def _models() -> Mapping[str, Bundle[Any, Any]]:
    models: Mapping[str, Bundle[Any, Any]] = bentoml.get_current_service().models
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


def find_model(models: Mapping[str, V | None], name: str, version: str = "") -> V:
    """Looks up a model by name and version; an empty version means any.

    Args:
        models: Models by name; None stands for one that is unloaded.
        name: Name of the model.
        version: Its version.

    Raises:
        ServingError: `not_found`, with what there is.
    """
    model = find(models, name, "model")
    if model is None:
        raise unloaded(name)
    if version not in ("", model.version):
        raise ServingError(
            Code.NOT_FOUND,
            f"Model {name} has no version of this name; there is: {model.version}.",
        )
    return model


def served_model(name: str, version: str = "") -> Bundle[Any, Any]:
    """Looks up a model of the running service instance; see `find_model`."""
    models = _models()
    known = models.known if isinstance(models, Models) else models
    return find_model(visible(known), name, version)


def unloaded(name: str) -> ServingError:
    """Makes the error for what asks a model that is unloaded."""
    return ServingError(
        Code.NOT_FOUND,
        f"Model {name} was unloaded; POST /v2/repository/models/{name}/load has it served again, "
        "and so has the registry's next promotion.",
    )
