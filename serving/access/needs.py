"""The one table of what each path and each gRPC method needs; whatever is not in it needs all."""

from collections.abc import Iterable, Mapping
from typing import Any

import bentoml
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2

from framework.access.scopes import EVERYTHING, KNOWN, PREDICT, READ, READER, Need
from framework.adapters.bentoml import (
    LIVE_PATHS,
    METRICS_PATH,
    PAGE_FOLDERS,
    PAGE_PATHS,
    READY_PATH,
    SCHEMA_PATH,
    TASK_ENDINGS,
    prefixed_path,
)
from framework.open_inference import inference_pb2
from serving.feedback import feedback_pb2
from serving.grpc.reflection import METHOD, V1, V1ALPHA
from serving.grpc.typed import api_route, method_path

PUBLIC: Need | None = None
"""What is answered to anybody: probes, and nothing else."""

PAGE, METRICS = Need.of("page:read"), Need.of("metrics:read")
FEEDBACK, REGISTRY = Need.of("feedback:write"), Need.of("registry:write")

# Of those that name a model in their message, the handlers ask for the rest.
_INFERENCE: Mapping[str, Need | None] = {
    "ServerLive": PUBLIC,
    "ServerReady": PUBLIC,
    "ServerMetadata": READER,
    "RepositoryIndex": READER,
    "RepositoryModelLoad": REGISTRY,
    "RepositoryModelUnload": REGISTRY,
    "ModelStatistics": READER,
    "ModelMetadata": READER,
    "ModelConfig": READER,
    "ModelReady": READER,
    "ModelInfer": KNOWN,
    "ModelStreamInfer": KNOWN,
}


def of_methods(methods: Iterable[MethodDescriptor]) -> dict[str, Need | None]:
    """Returns what each gRPC method needs, by its path.

    Args:
        methods: Those of typed services.
    """
    (inference,) = inference_pb2.DESCRIPTOR.services_by_name.values()
    (feedback,) = feedback_pb2.DESCRIPTOR.services_by_name.values()
    (health,) = health_pb2.DESCRIPTOR.services_by_name.values()
    return {
        **{method_path(one): Need.of_route(api_route(one)) for one in methods},
        **{f"/{inference.full_name}/{name}": need for name, need in _INFERENCE.items()},
        **{method_path(one): FEEDBACK for one in feedback.methods},
        **{method_path(one): PUBLIC for one in health.methods},
        **{f"/{name}/{METHOD}": KNOWN for name in (V1, V1ALPHA)},
    }


class PathNeeds:
    """What each HTTP path of a service needs.

    Args:
        service: The service.
        resources: Where the resources are mounted, if they are.
        methods: Methods of typed services, which are asked over Connect.
    """

    def __init__(
        self,
        service: bentoml.Service[Any],
        resources: str | None,
        methods: Iterable[MethodDescriptor],
    ) -> None:
        own: dict[str, Need | None] = {
            METRICS_PATH: METRICS,
            **dict.fromkeys(PAGE_PATHS, PAGE),
            **dict.fromkeys((*LIVE_PATHS, READY_PATH), PUBLIC),
            **{method_path(one): Need.of_route(api_route(one)) for one in methods},
        }
        for api in service.apis.values():
            for ending in ("", *(TASK_ENDINGS if api.is_task else ())):
                own[api.route + ending] = Need.of_route(api.route)
        self._exact: dict[str, Need | None] = {
            prefixed_path(service, path): need for path, need in own.items()
        }
        self._exact[SCHEMA_PATH] = PAGE
        self._below: dict[str, Need] = {
            prefixed_path(service, path): PAGE for path in PAGE_FOLDERS
        } | {
            path.rstrip("/"): Need.of_route(path)
            for _, path, _ in service.mount_apps
            if path.strip("/") and path != resources
        }
        self._resources = resources

    def __call__(self, path: str) -> Need | None:
        """Returns what a path needs, or `PUBLIC`."""
        if path in self._exact:
            return self._exact[path]
        for folder, need in self._below.items():
            if path == folder or path.startswith(f"{folder}/"):
                return need
        if self._resources is not None:
            root = self._resources.rstrip("/") + "/"
            if path.startswith(root):
                return _of_resource(path.removeprefix(root).split("/"))
        return EVERYTHING


def _of_resource(parts: list[str]) -> Need | None:
    match parts:
        case ["v2", "health", "live" | "ready"]:
            return PUBLIC
        case ["" | "redoc" | "docs.json"] | ["docs-assets", *_]:
            return PAGE
        case ["models"] | ["v2"] | ["v2", ""] | ["v2", "models"]:
            return READER
        case ["v2", "models", "stats"] | ["v2", "repository", "index"]:
            return READER
        case ["v2", "repository", "models", _, "load" | "unload"]:
            return REGISTRY
        case ["v2", "models", model, *_, "infer"]:
            return Need.to(PREDICT, model)
        case ["models", model, *_] | ["v2", "models", model, *_]:
            return Need.to(READ, model)
        case ["feedback"]:
            return FEEDBACK
    return EVERYTHING
