"""What can be asked about the server: its models as resources, and its documentation pages."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

import bentoml
import fastapi_offline
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import AwareDatetime, BaseModel, Field
from starlette.exceptions import HTTPException

from framework import Bundle, ModelCard
from framework.card import CategoryProfile, DataKind, NumberProfile
from framework.pointer import CHAMPION, Alias
from serving.access.described import describe_access
from serving.access.needs import PathNeeds
from serving.champions import pointer
from serving.errors import Code, ServingError
from serving.feedback.routes import add_routes as add_feedback_routes
from serving.feedback.routes import described_routes as feedback_routes
from serving.grpc.typed import methods_of
from serving.http.envelope import refusal
from serving.http.openapi import Described, Document, error_responses, openapi_document
from serving.open_inference.routes import add_routes as add_inference_routes
from serving.open_inference.routes import described_routes
from serving.served import find, served_model, served_models
from serving.settings import load_settings

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
# The pages' own assets are enough for them; a browser asked to load anything else refuses, and to
# show them within a page of others, who could have their buttons pressed.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)


class Splits(BaseModel):
    """How the rows of the training data were used."""

    rows: int = Field(description="Rows read.")
    distinct_rows: int = Field(description="Rows left after removing exact duplicates.")
    train_rows: int
    validation_rows: int
    test_rows: int


class ModelInfo(BaseModel):
    """One served model: what it is, what made it, what it takes and gives."""

    name: str
    tag: str = Field(description="Exact tag in the BentoML store.")
    created: AwareDatetime | None
    alias: Alias | None = Field(
        description="What the registry calls this version now; null if nothing."
    )
    alias_since: AwareDatetime | None = Field(description="Since when.")
    champion: str | None = Field(
        description="Tag of the version that should serve, as the registry has it."
    )
    challenger: str | None = Field(
        description="Tag of the version that waits to be promoted, if there is one."
    )
    description: str
    task: str = Field(description="`binary`, `multiclass`, `regression` or `multi_output`.")
    target: list[str] = Field(description="What it learnt to tell, as the data call it.")
    classes: list[str] = Field(description="Names of the classes; none of a number.")
    threshold: float | None = Field(description="Decision threshold on the probability, if any.")
    units: dict[str, str] = Field(description="Field of an answer → its unit.")
    framework: str
    computed_by: str = Field(
        description="What computes the answers: the framework, or `compiled trees`, which give the "
        "same answers sooner."
    )
    not_compiled: str | None = Field(
        description="Why it is not compiled trees, of a model that has trees."
    )
    versions: dict[str, str] = Field(description="Library → version used for training.")
    git_commit: str | None = Field(description="Commit of the training code, if known.")
    data_sha256: str = Field(description="Hash of the training data as read.")
    data_kind: DataKind = Field(description="Simulated, read from a file, or built into a library.")
    data_simulated: bool = Field(description="True when the rows were generated, not observed.")
    data: Splits
    profile: dict[str, NumberProfile | CategoryProfile] = Field(
        description="Distribution of every feature in the training rows."
    )
    input_schema: dict[str, Any] = Field(description="JSON schema of one record.")
    output_schema: dict[str, Any] = Field(description="JSON schema of one prediction.")

    @classmethod
    def of(cls, name: str, bundle: Bundle[Any, Any]) -> "ModelInfo":
        """Describes a served model."""
        card, model = bundle.card, bundle.model
        aliases = pointer()
        alias, standing = aliases.alias_of(bundle.tag) or (None, None)
        champion = aliases.standing(name, CHAMPION)
        challenger = aliases.standing(name, "challenger")
        told = set(ModelInfo.model_fields) & set(ModelCard.model_fields) - {"data"}
        return cls(
            name=name,
            tag=bundle.tag,
            created=bundle.created,
            alias=alias,
            alias_since=standing.since if standing else None,
            champion=champion.tag if champion else None,
            challenger=challenger.tag if challenger else None,
            description=model.description,
            computed_by=bundle.computation.by,
            not_compiled=bundle.computation.hindrance or None,
            data_sha256=card.data.sha256,
            data_kind=card.data.kind,
            data_simulated=card.data.simulated,
            data=Splits.model_validate(card.data, from_attributes=True),
            input_schema=model.record.model_json_schema(),
            output_schema=model.answer.model_json_schema(),
            **{field: getattr(card, field) for field in told},
        )


class Performance(BaseModel):
    """Metrics on held-out rows, measured at training."""

    filter: str
    data_simulated: bool = Field(description="True when measured on generated rows.")
    metrics: dict[str, float]


class ResourcesApp(Described):
    """The application of the `GET` resources and pages; see `resources_app`."""


def resources_app() -> FastAPI:
    """Makes the application of the `GET` resources and pages, to be mounted at `/`."""
    app = ResourcesApp()
    for path, endpoint in _RESOURCES.items():
        app.add_api_route(
            path, endpoint, tags=["Models"], responses=error_responses(Code.NOT_FOUND)
        )
    add_inference_routes(app)
    add_feedback_routes(app)
    for raised in (ServingError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(raised, _refuse)
    page = partial(app.add_api_route, methods=["GET", "HEAD"], include_in_schema=False)
    page("/", swagger_page)
    page("/redoc", redoc_page)
    app.add_api_route("/docs-assets/redoc.standalone.js", redoc_script, include_in_schema=False)
    app.mount("/docs-assets", StaticFiles(directory=_ASSETS), name="docs-assets")

    page("/docs.json", document)
    return app


def list_models() -> list[ModelInfo]:
    """Lists the served models."""
    return [ModelInfo.of(name, model) for name, model in served_models().items()]


def get_model(name: str) -> ModelInfo:
    """Describes one served model."""
    return ModelInfo.of(name, served_model(name))


def get_performance(
    name: str,
    filter_: Annotated[
        str,
        Query(
            alias="filter",
            description="`overall`, a class, or a slice such as `salary=low`.",
        ),
    ] = "overall",
) -> Performance:
    """Returns the metrics that training measured on held-out rows."""
    card = served_model(name).card
    metrics = find(card.performance, filter_, "filter")
    return Performance(filter=filter_, data_simulated=card.data.simulated, metrics=metrics)


def get_args(name: str) -> dict[str, Any]:
    """Returns all training parameters."""
    return served_model(name).card.parameters


def get_arg(name: str, arg: str) -> dict[str, Any]:
    """Returns one training parameter."""
    return {arg: find(served_model(name).card.parameters, arg, "arg")}


_RESOURCES: dict[str, Callable[..., Any]] = {
    "/models": list_models,
    "/models/{name}": get_model,
    "/models/{name}/performance": get_performance,
    "/models/{name}/args": get_args,
    "/models/{name}/args/{arg}": get_arg,
}


def swagger_page() -> HTMLResponse:
    """Swagger UI, with every asset served from here."""
    return _page(
        get_swagger_ui_html(
            openapi_url="docs.json",
            title="Model server",
            swagger_js_url="docs-assets/swagger-ui-bundle.js",
            swagger_css_url="docs-assets/swagger-ui.css",
            swagger_favicon_url="docs-assets/favicon.png",
        )
    )


def redoc_page() -> HTMLResponse:
    """ReDoc, with every asset served from here."""
    return _page(
        get_redoc_html(
            openapi_url="docs.json",
            title="Model server",
            redoc_js_url="docs-assets/redoc.standalone.js",
            redoc_favicon_url="docs-assets/favicon.png",
            with_google_fonts=False,
        )
    )


@lru_cache(maxsize=1)
def redoc_script() -> Response:
    """ReDoc's script, with the logo it would fetch from its maker's host taken from here."""
    script = (_ASSETS / "redoc.standalone.js").read_text(encoding="utf-8")
    script = script.replace("https://cdn.redoc.ly/redoc/logo-mini.svg", "docs-assets/favicon.png")
    return Response(script, media_type="text/javascript")


def document() -> JSONResponse:
    """The OpenAPI document of the whole service."""
    return JSONResponse(service_document(bentoml.get_current_service().bento_service))


def resources_path(service: bentoml.Service[Any]) -> str | None:
    """Returns where the resources are mounted in a service, if they are."""
    mounted = (path for app, path, _ in service.mount_apps if isinstance(app, ResourcesApp))
    return next(mounted, None)


def service_document(service: bentoml.Service[Any]) -> Document:
    """Describes a service with all that is mounted in it."""
    own = [app for app, *_ in service.mount_apps if isinstance(app, ResourcesApp)]
    others = [mounted for mounted in service.mount_apps if mounted[0] not in own]
    resources = [*own[0].routes, *feedback_routes(), *described_routes()] if own else []
    document = openapi_document(service, resources, others)
    if load_settings().is_locked:
        methods = methods_of(getattr(service, "protos", ()))
        describe_access(document, PathNeeds(service, resources_path(service), methods))
    return document


def _refuse(request: Request, raised: Exception) -> Response:
    match raised:
        case ServingError():
            error = raised
        case RequestValidationError():
            error = ServingError.from_details(raised.errors())
        case HTTPException():
            headers = list((raised.headers or {}).items())
            error = ServingError(Code.of(raised.status_code), "", (), headers)
        case _:
            # The web framework raises it once more, for the log.
            error = ServingError(Code.INTERNAL)
    return refusal(request.scope, error)


def _page(page: HTMLResponse) -> HTMLResponse:
    page.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    return page
