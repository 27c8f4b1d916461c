"""The Open Inference Protocol over HTTP: `/v2`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.routing import BaseRoute

from framework import Bundle, FieldError
from serving.errors import Code, ServingError
from serving.http.openapi import READING_ERRORS, Described, error_responses
from serving.open_inference import repository_routes
from serving.open_inference.json_body import InferenceRequest, InferenceResponse, parameters
from serving.open_inference.signature import InputColumn, OutputColumn, Signature
from serving.open_inference.triton import (
    ModelConfig,
    Statistics,
    configuration,
    statistics,
)
from serving.served import served_model, served_models
from serving.settings import load_settings

_TAG = "Open Inference Protocol"
_MODEL_PATHS = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")


def infer_paths(tag: str) -> dict[str, str]:
    """Returns the paths at which a model of this tag is asked, each with its template."""
    name, _, version = tag.partition(":")
    return {
        f"{path.format(model=name, version=version)}/infer": f"{path}/infer"
        for path in _MODEL_PATHS
    }


class ServerMetadata(BaseModel):
    """The server, and which extensions of the protocol it knows."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """The worker runs."""

    live: bool


class Ready(BaseModel):
    """The worker takes requests."""

    ready: bool


class ModelReady(Ready):
    """The model takes requests."""

    name: str


class TensorMetadata(BaseModel):
    """One input or output of a model."""

    name: str
    datatype: str
    shape: list[int] = Field(description="-1 stands for the number of records.")
    parameters: dict[str, Any] = {}


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelList(BaseModel):
    """Names of the served models."""

    models: list[str]


_EXTENSIONS = ("binary_tensor_data", "model_configuration", "statistics")


def server_metadata() -> ServerMetadata:
    """Names the server and the extensions it knows."""
    repository = ["model_repository"] if load_settings().repository else []
    return ServerMetadata(name="model_server", version="1", extensions=[*_EXTENSIONS, *repository])


def server_live() -> Live:
    """Answers 200 while the worker is alive."""
    return Live(live=True)


def server_ready() -> Ready:
    """Answers 200 when the worker takes predictions."""
    return Ready(ready=True)


def model_names() -> ModelList:
    """Lists the served models, as KServe does."""
    return ModelList(models=list(served_models()))


def server_statistics() -> Statistics:
    """Tells what all models have answered."""
    return statistics(list(served_models().values()))


def model_statistics(model: str, version: str = "") -> Statistics:
    """Tells what a model has answered."""
    return statistics([served_model(model, version)])


def model_config(model: str, version: str = "") -> ModelConfig:
    """Tells how a model is run."""
    bundle = served_model(model, version)
    return configuration(bundle, _signature(bundle), load_settings().max_rows)


def model_metadata(model: str, version: str = "") -> ModelMetadata:
    """Describes a model's tensors."""
    return describe(model, served_model(model, version))


def model_ready(model: str, version: str = "") -> ModelReady:
    """Answers 200 when the model takes requests."""
    served_model(model, version)
    return ModelReady(name=model, ready=True)


def model_infer(body: InferenceRequest, model: str, version: str = "") -> InferenceResponse:
    """Predicts for records given column by column: one tensor for each field.

    With the binary tensor extension, raw tensors may follow the JSON, in the body and in the
    answer.
    """
    raise NotImplementedError("only describes what `serving.codecs.tensors` reads and writes")


def refuse_infer(model: str, version: str = "") -> None:
    """Refuses a prediction by a model that is not served; those that are have endpoints."""
    served_model(model, version)
    raise _no_tensors()


def add_routes(app: FastAPI) -> None:
    """Adds the routes of `/v2`, but for those that have endpoints."""
    # Each to the application itself: the metrics go by its own routes' templates.
    add = partial(app.add_api_route, tags=[_TAG], response_model_exclude_none=True)

    def add_probe(path: str, endpoint: Callable[..., BaseModel], code: Code) -> None:
        add(path, endpoint, responses=error_responses(code))
        add(path, endpoint, methods=["HEAD"], include_in_schema=False)

    errors = error_responses(Code.NOT_FOUND)
    add("/v2", server_metadata)
    add("/v2/", server_metadata, include_in_schema=False)
    add_probe("/v2/health/live", server_live, Code.UNAVAILABLE)
    add_probe("/v2/health/ready", server_ready, Code.UNAVAILABLE)
    add("/v2/models", model_names)
    add("/v2/models/stats", server_statistics)
    repository_routes.add_routes(app)
    for path in _MODEL_PATHS:
        add(path, model_metadata, responses=errors)
        add_probe(f"{path}/ready", model_ready, Code.NOT_FOUND)
        add(f"{path}/config", model_config, responses=errors)
        add(f"{path}/stats", model_statistics, responses=errors)
        add(f"{path}/infer", refuse_infer, methods=["POST"], include_in_schema=False)


def described_routes() -> list[BaseRoute]:
    """Makes routes that describe the tensor endpoints, which read more than FastAPI can."""
    app = Described()
    responses = error_responses(*READING_ERRORS)
    for path in _MODEL_PATHS:
        app.add_api_route(
            f"{path}/infer", model_infer, methods=["POST"], tags=[_TAG], responses=responses
        )
    return [*app.routes, *repository_routes.described_routes(_TAG)]


def describe(name: str, bundle: Bundle[Any, Any]) -> ModelMetadata:
    """Describes a served model's tensors.

    Raises:
        ServingError: `not_found`: its records or answers are not made of columns.
    """
    signature = _signature(bundle)
    return ModelMetadata(
        name=name,
        versions=[bundle.version],
        platform=bundle.card.framework,
        inputs=_tensors(list(signature.inputs.values())),
        outputs=_tensors(list(signature.outputs.values())),
    )


def _signature(bundle: Bundle[Any, Any]) -> Signature:
    model = bundle.model
    try:
        return Signature.of(model.record, model.answer, bundle.labels)
    except FieldError:
        raise _no_tensors() from None


def _no_tensors() -> ServingError:
    return ServingError(
        Code.NOT_FOUND, "This model is not served over the Open Inference Protocol."
    )


def _tensors(columns: Sequence[InputColumn | OutputColumn]) -> list[TensorMetadata]:
    return [
        TensorMetadata(
            name=column.name,
            datatype=column.datatype,
            shape=column.shape,
            parameters=parameters(column) if isinstance(column, OutputColumn) else {},
        )
        for column in columns
    ]
