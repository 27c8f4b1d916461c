"""The OpenAPI document of a service: its declared APIs, its resources, its errors.

BentoML's own generator writes OpenAPI 3.0 with 3.1 schemas in it and knows other error bodies, so
FastAPI's generator describes the same declared types instead.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import bentoml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from framework.adapters.bentoml import APIMethod, IOMixin, IORootModel, join_paths
from serving.errors import Code, ErrorBody

_PREDICTION_ERRORS = (
    Code.INVALID_INPUT,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INTERNAL,
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
)
_INFRASTRUCTURE = {
    "/livez": "Answers 200 while the worker is alive.",
    "/readyz": "Answers 200 when the worker can take predictions, 503 while it starts or stops.",
    "/metrics": "Metrics in the text format of Prometheus.",
}


def openapi_document(
    service: bentoml.Service[Any], resources: Sequence[BaseRoute]
) -> dict[str, Any]:
    """Describes a service.

    Args:
        service: The service; every declared API becomes a `POST` operation.
        resources: FastAPI routes to describe beside them.

    Returns:
        An OpenAPI 3.1 document.
    """
    predictions, infrastructure = FastAPI(), FastAPI()
    for api in service.apis.values():
        predictions.add_api_route(
            join_paths(service.path_prefix or "", api.route),
            _operation(api),
            methods=["POST"],
            name=api.name.replace("_", " "),
            operation_id=api.name,
            response_model=declared_type(api.output_spec),
            description=inspect.cleandoc(api.doc or ""),
            tags=["Predictions"],
            responses=error_responses(*_PREDICTION_ERRORS),
        )
    for path, description in _INFRASTRUCTURE.items():
        infrastructure.add_api_route(
            path, lambda: None, name=path[1:], description=description, tags=["Infrastructure"]
        )
    version = service.bento.tag.version if service.bento else None
    return get_openapi(
        title=service.name,
        version=version or "unversioned",
        description=inspect.getdoc(service.inner) or "",
        routes=[*predictions.routes, *resources, *infrastructure.routes],
        servers=[{"url": "."}],
    )


def error_responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Describes error answers, for the `responses` of a FastAPI route."""
    # With a default response FastAPI leaves out its own 422, which this server never answers.
    responses: dict[int | str, dict[str, Any]] = {
        "default": {"model": ErrorBody, "description": "Any other error."}
    }
    for code in codes:
        responses[code.status] = {"model": ErrorBody, "description": code.sentence}
    return responses


def declared_type(spec: type[IOMixin]) -> Any:
    """Returns the type that a service's author declared, of the descriptor BentoML made of it."""
    if issubclass(spec, IORootModel):
        return spec.model_fields["root"].annotation
    return next((base for base in spec.__bases__ if not issubclass(base, IOMixin)), spec)


def _operation(api: APIMethod[..., Any]) -> Callable[..., None]:
    def operation(body: Any) -> None: ...

    parameter = inspect.Parameter(
        "body",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=declared_type(api.input_spec),
    )
    operation.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return operation
