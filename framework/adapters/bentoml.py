"""BentoML's insides: its declared APIs, its configuration, its store."""

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import bentoml
import click
from _bentoml_sdk.io_models import IOMixin, IORootModel
from _bentoml_sdk.method import APIMethod
from bentoml._internal.bento.bento import BentoInfo
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models import ModelStore
from bentoml._internal.resource import system_resources
from bentoml._internal.utils.uri import join_paths

__all__ = [
    "ANY_ADDRESS",
    "LIVE_PATHS",
    "METRICS_PATH",
    "PAGE_FOLDERS",
    "PAGE_PATHS",
    "READY_PATH",
    "SCHEMA_PATH",
    "TASK_ENDINGS",
    "WORKER_MODULE",
    "APIMethod",
    "IOMixin",
    "IORootModel",
    "available_cores",
    "create_model_in",
    "declared_type",
    "docker_base_image",
    "home_folder",
    "is_serving",
    "join_paths",
    "listen_on",
    "model_in",
    "model_store_folder",
    "prefixed_path",
    "service_configuration",
    "starting_server",
    "stored_versions",
    "tracing_is_exported",
    "use_metrics_folder",
    "worker_count",
]

WORKER_MODULE = "_bentoml_impl.worker.service"
"""What the command line of a BentoML worker contains."""

LIVE_PATHS, READY_PATH, METRICS_PATH = ("/livez", "/healthz"), "/readyz", "/metrics"
"""Where BentoML answers probes, and those who read metrics."""

PAGE_PATHS, SCHEMA_PATH = ("/", "/docs.json"), "/schema.json"
"""Its own page and document, and a description of the service that has no prefix."""

PAGE_FOLDERS = ("/static_content", "/assets")
"""Below which the page's files are."""

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - compared, and a server's
"""Where BentoML listens by default: everywhere."""

TASK_ENDINGS = ("/submit", "/status", "/get", "/retry", "/cancel")
"""What follows the route of a task where it is submitted and watched."""


def prefixed_path(service: bentoml.Service[Any], path: str) -> str:
    """Returns a path of a service's as clients ask for it: below the prefix of all its paths."""
    prefixed: str = join_paths(service.path_prefix or "", path)
    return prefixed


def declared_type(spec: type[IOMixin]) -> Any:
    """Returns the type that a service's author declared, of the descriptor BentoML made of it."""
    if issubclass(spec, IORootModel):
        return spec.model_fields["root"].annotation
    return next((base for base in spec.__bases__ if not issubclass(base, IOMixin)), spec)


def service_configuration(name: str) -> dict[str, Any]:
    """Returns the configuration of a service: the defaults, the file's and the decorator's."""
    configuration: dict[str, Any] = BentoMLContainer.config.services.get()[name]
    return configuration


def available_cores() -> int:
    """Returns the cores that BentoML's `workers="cpu_count"` stands for."""
    return int(system_resources()["cpu"])


def worker_count(name: str) -> int:
    """Returns how many workers a service is configured to have."""
    workers = service_configuration(name).get("workers") or 1
    return available_cores() if workers == "cpu_count" else int(workers)


def tracing_is_exported() -> bool:
    """Whether the configuration sends spans anywhere."""
    return bool(BentoMLContainer.config.tracing.exporter_type.get())


def is_serving() -> bool:
    """Whether this process is the one of `bentoml serve`, which makes the workers."""
    context = click.get_current_context(silent=True)
    return context is not None and context.command.name == "serve"


def starting_server() -> tuple[str | None, int] | None:
    """Returns host and port of the server that this process is about to start.

    The host is None if nobody has chosen one: BentoML would listen on all addresses.

    To be asked when the configuration has been applied, which `bentoml serve` does just before.

    Returns:
        None in every other process: a worker, a build, a program that starts a server itself.
    """
    context = click.get_current_context(silent=True)
    if context is None or not is_serving():
        return None
    given, configured = context.params, BentoMLContainer.http
    # An option that is not given is None.
    host, port = given["host"], given["port"]
    if host is None and configured.host.get() != ANY_ADDRESS:
        host = configured.host.get()
    return host, configured.port.get() if port is None else port


def listen_on(host: str) -> None:
    """Makes a server that this process starts later listen there, if no option says otherwise."""
    BentoMLContainer.http.host.set(host)


def use_metrics_folder(folder: Path) -> None:
    """Makes a server that this process starts later share its workers' metrics in a folder.

    BentoML empties it at the start, and hands it on as `PROMETHEUS_MULTIPROC_DIR`.
    """
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))


def home_folder() -> Path:
    """Returns BentoML's home, where its stores are."""
    return Path(BentoMLContainer.bentoml_home.get())


def model_store_folder() -> Path:
    """Returns the folder of the model store."""
    return Path(BentoMLContainer.model_store_dir.get())


def create_model_in(
    folder: Path, tag: bentoml.Tag, **options: Any
) -> AbstractContextManager[bentoml.Model]:
    """Creates a model in another folder than the model store's.

    Args:
        folder: A folder of the same layout; may be empty.
        tag: Tag of the model.
        options: As for `bentoml.models.create`.
    """
    return bentoml.models.create(tag, _model_store=ModelStore(folder), **options)


def model_in(folder: Path, tag: str) -> bentoml.Model:
    """Returns a model of another folder than the model store's, of the same layout.

    Raises:
        bentoml.exceptions.BentoMLException: There is none, or its record cannot be read.
    """
    return ModelStore(folder).get(tag)


def docker_base_image(bento: bentoml.Bento) -> str:
    """Returns the image that a Bento's own image is built upon."""
    assert isinstance(bento.info, BentoInfo), "a template of its own makes it this kind"
    return str(bento.info.docker.base_image)


def stored_versions(name: str) -> list[bentoml.Model]:
    """Returns the versions of a model that the store can give, oldest first."""
    found = []
    for folder in (model_store_folder() / name).glob("*/"):
        # BentoML reads its record by YAML and cattrs, each of which has its own errors; one version
        # that is broken is no reason to know none.
        with contextlib.suppress(Exception):
            found.append(bentoml.models.get(f"{name}:{folder.name}"))
    return sorted(found, key=lambda model: model.creation_time)
