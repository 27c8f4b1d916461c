"""The OpenAPI document of a service: its declared APIs, its resources, its errors.

BentoML's own generator writes OpenAPI 3.0 with 3.1 schemas in it and knows other error bodies, so
FastAPI's generator describes the same declared types instead.
"""

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any

import bentoml
import yaml
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from framework.adapters.bentoml import APIMethod, declared_type, join_paths, prefixed_path
from serving.batching.prediction import is_batchable_list
from serving.errors import Code, ErrorBody
from serving.http.content import Content, is_plain

_PREDICTION_ERRORS = (
    Code.INVALID_INPUT,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INTERNAL,
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
)
READING_ERRORS = (
    Code.INVALID_INPUT,
    Code.NOT_FOUND,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
)
"""Of an endpoint of this server's own that reads a body and looks something up by it."""

_INFRASTRUCTURE = {
    "/livez": "Answers 200 while the worker is alive.",
    "/readyz": "Answers 200 when the worker can take predictions, 503 while it starts or stops.",
    "/metrics": "Metrics in the text format of Prometheus.",
}
TAGS = {
    "Predictions": "Rows in, predictions out, in the same order.",
    "Feedback": "What became true of what was predicted.",
    "Models": "What is served, how good it is, and how it was made.",
    "Open Inference Protocol": "Whole columns in and out, for clients of Triton, KServe, MLServer.",
    "Infrastructure": "Probes and metrics.",
}
"""Groups of operations, and what each is about."""

_CONNECT = {
    "Connect": "The methods of the `.proto` files are answered at `/<package>.<Service>/<Method>` "
    "too, by the Connect protocol. Clients are made of those files; OpenAPI has no word for them."
}

_TASK_METHODS = {
    "status": ("GET", "Tells how far the task is."),
    "get": ("GET", "Tells what the task has answered."),
    "retry": ("POST", "Submits the task once more."),
    "cancel": ("PUT", "Gives the task up."),
}
_TASK_ID = {"name": "task_id", "in": "query", "required": True, "schema": {"type": "string"}}


class Document(dict[str, Any]):
    """An OpenAPI 3.1 document, to be used as BentoML uses its own."""

    def asdict(self) -> dict[str, Any]:
        """Returns the document."""
        return self


yaml.add_representer(Document, lambda dumper, document: dumper.represent_dict(document))


def _operation_id(route: APIRoute) -> str:
    return f"{route.name}_of_version" if "{version}" in route.path else route.name


class Described(FastAPI):
    """An application whose operations have short ids, which generated clients are named by.

    An id is the name of the function, and tells a path that names the version apart.
    """

    def __init__(self) -> None:
        # The document is made by `openapi_document`, for the routes of all of them together.
        super().__init__(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            generate_unique_id_function=_operation_id,
        )


def openapi_document(
    service: bentoml.Service[Any], resources: Sequence[BaseRoute], mounted: Sequence[Any]
) -> Document:
    """Describes a service.

    Args:
        service: The service; every declared API becomes a `POST` operation.
        resources: FastAPI routes to describe beside them.
        mounted: Those of the service's mounted applications (application, path, name) that are to
            be described below their path, if they are FastAPI's.
    """
    prefixed = partial(prefixed_path, service)
    predictions, infrastructure = Described(), Described()
    schemas: dict[str, Any] = {}
    for api in service.apis.values():
        _describe(predictions, prefixed(api.route), api, schemas)
    for path, description in _INFRASTRUCTURE.items():
        infrastructure.add_api_route(
            prefixed(path),
            lambda: None,
            name=path[1:],
            operation_id=path[1:],
            description=description,
            tags=["Infrastructure"],
            response_class=PlainTextResponse,
            responses=error_responses(Code.UNAVAILABLE),
        )
    taken: set[str] = set()
    tags = TAGS | (_CONNECT if getattr(service, "protos", ()) else {})
    version = service.bento.tag.version if service.bento else None
    document = get_openapi(
        title=service.name,
        version=version or "unversioned",
        description=inspect.getdoc(service.inner) or "",
        routes=_distinct([*predictions.routes, *resources, *infrastructure.routes], taken),
        servers=[{"url": "."}],
        tags=[{"name": name, "description": about} for name, about in tags.items()],
    )
    for app, path, _ in mounted:
        if isinstance(app, FastAPI):
            routes = _distinct(app.routes, taken)
            own = get_openapi(title=app.title, version=app.version, routes=routes)
            document["paths"] |= {join_paths(path, at): one for at, one in own["paths"].items()}
            schemas |= own.get("components", {}).get("schemas", {})
    if schemas:
        known = document.setdefault("components", {}).setdefault("schemas", {})
        document["components"]["schemas"] = schemas | known
    # Says that nothing is needed, where silence says nothing.
    return Document(document, security=[])


def _distinct(routes: Sequence[BaseRoute], taken: set[str]) -> list[BaseRoute]:
    """Returns routes whose operations have ids of their own; those that come first keep theirs.

    An API may be called as a resource is, and clients are named by the ids.
    """
    found = []
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            own = route.operation_id or route.unique_id
            while own in taken:
                own = f"server_{own}"
            taken.add(own)
            route = copy(route)  # noqa: PLW2901 - the one that answers stays as it is
            route.operation_id = own
        found.append(route)
    return found


def error_responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Describes error answers, for the `responses` of a FastAPI route."""
    # With a default response FastAPI leaves out its own 422, which this server never answers.
    responses: dict[int | str, dict[str, Any]] = {
        "default": {"model": ErrorBody, "description": "Any other error."}
    }
    for code in codes:
        responses[code.status] = {"model": ErrorBody, "description": code.sentence}
    return responses


def _describe(app: FastAPI, path: str, api: APIMethod[..., Any], schemas: dict[str, Any]) -> None:
    """Adds an API to an application that only describes."""
    add = partial(
        app.add_api_route,
        path,
        methods=["POST"],
        name=api.name.replace("_", " "),
        operation_id=api.name,
        description=inspect.cleandoc(api.doc or ""),
        tags=["Predictions"],
        # What BentoML answers itself, it refuses in words of its own.
        responses=error_responses(*_PREDICTION_ERRORS) if is_batchable_list(api) else _ANY_ERROR,
    )
    if is_plain(api.input_spec) and is_plain(api.output_spec) and not api.is_stream:
        add(_operation(api), response_model=declared_type(api.output_spec))
    else:
        _describe_content(add, api, schemas)
    if api.is_task:
        _describe_task(app, path, api, schemas)


_ANY_ERROR: dict[int | str, dict[str, Any]] = {"default": {"description": "An error."}}


def _describe_content(
    add: Callable[..., None], api: APIMethod[..., Any], schemas: dict[str, Any]
) -> None:
    """Adds an API whose request or answer is other than plain JSON."""
    asked, answered = Content.of(api.input_spec, api.name), Content.of(api.output_spec, api.name)
    schemas.update(asked.schemas | answered.schemas)
    responses = add.keywords["responses"]  # type: ignore[attr-defined]
    add(
        lambda: None,
        response_class=Response,
        responses={**responses, 200: {"description": "Its answer.", "content": answered.content}},
        openapi_extra={"requestBody": {"required": True, "content": asked.content}},
    )


def _describe_task(
    app: FastAPI, path: str, api: APIMethod[..., Any], schemas: dict[str, Any]
) -> None:
    """Adds the paths by which a task is submitted and watched."""
    asked, answered = Content.of(api.input_spec, api.name), Content.of(api.output_spec, api.name)
    schemas.update(asked.schemas | answered.schemas)
    add = partial(app.add_api_route, tags=["Predictions"], responses=_ANY_ERROR)
    add(
        f"{path}/submit",
        lambda: None,
        methods=["POST"],
        operation_id=f"{api.name}_submit",
        description="Submits the task, and tells its id.",
        response_model=dict[str, str],
        openapi_extra={"requestBody": {"required": True, "content": asked.content}},
    )
    for name, (method, description) in _TASK_METHODS.items():
        content = answered.content if name == "get" else {"application/json": {}}
        add(
            f"{path}/{name}",
            lambda: None,
            methods=[method],
            operation_id=f"{api.name}_{name}",
            description=description,
            response_class=Response,
            responses={**_ANY_ERROR, 200: {"description": "An answer.", "content": content}},
            openapi_extra={"parameters": [_TASK_ID]},
        )


def _operation(api: APIMethod[..., Any]) -> Callable[..., None]:
    def operation(body: Any) -> None: ...

    parameter = inspect.Parameter(
        "body",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=declared_type(api.input_spec),
    )
    operation.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return operation
