"""The model repository over HTTP: `/v2/repository`."""

from functools import partial

from fastapi import FastAPI, Request, Response
from starlette.routing import BaseRoute

from serving.access.principal import asking
from serving.errors import Code
from serving.http.openapi import Described, error_responses
from serving.open_inference.repository import (
    IndexRequest,
    LoadRequest,
    Repository,
    UnloadRequest,
    read,
    required,
)
from serving.open_inference.triton import ModelIndex
from serving.served import served_models

INDEX, LOAD, UNLOAD = (
    "/v2/repository/index",
    "/v2/repository/models/{model}/load",
    "/v2/repository/models/{model}/unload",
)
_ERRORS = (
    Code.INVALID_INPUT,
    Code.FORBIDDEN,
    Code.NOT_FOUND,
    Code.REFUSED,
    Code.PAYLOAD_TOO_LARGE,
    Code.UNAVAILABLE,
    Code.DEADLINE_EXCEEDED,
)


async def take_index(request: Request) -> list[ModelIndex]:
    """Lists models."""
    asked = read(IndexRequest, await request.body())
    index = [ModelIndex.of(bundle) for bundle in served_models().values()]
    repository = _repository(request)
    return (
        index if asked.ready or repository is None else [*index, *repository.others(asking.get())]
    )


async def take_load(request: Request, model: str) -> Response:
    """Loads a model."""
    asked = read(LoadRequest, await request.body())
    await required(_repository(request)).load(model, asked, asking.get().id)
    return Response()


async def take_unload(request: Request, model: str) -> Response:
    """Unloads a model."""
    asked = read(UnloadRequest, await request.body())
    await required(_repository(request)).unload(model, asked)
    return Response()


def _repository(request: Request) -> Repository | None:
    repository: Repository | None = getattr(request.app.state, "repository", None)
    return repository


def repository_index(body: IndexRequest | None = None) -> list[ModelIndex]:
    """Lists the served models, those that are unloaded, and versions that are loaded or refused."""
    raise NotImplementedError("only describes what `take_index` reads")


def model_load(model: str, body: LoadRequest | None = None) -> None:
    """Serves the champion of a model again, or promotes the version that is given.

    Answered once all workers serve it, or with the reason why not, and what was served before
    still is. A promotion wants all that `python -m registry promote` does, the gate first of all,
    and is for all servers of the home. Needs `MODEL_SERVER_REPOSITORY`.
    """
    raise NotImplementedError("only describes what `take_load` reads")


def model_unload(model: str, body: UnloadRequest | None = None) -> None:
    """Serves a model no more, in any worker of the server, until it is loaded again.

    Needs `MODEL_SERVER_REPOSITORY`.
    """
    raise NotImplementedError("only describes what `take_unload` reads")


def add_routes(app: FastAPI) -> None:
    """Adds the routes, for which the worker sets `app.state.repository`."""
    add = partial(app.add_api_route, methods=["POST"], include_in_schema=False)
    add(INDEX, take_index)
    add(LOAD, take_load)
    add(UNLOAD, take_unload)


def described_routes(tag: str) -> list[BaseRoute]:
    """Makes the routes that describe them: a body may be missing, and needs no content type."""
    app = Described()
    add = partial(app.add_api_route, methods=["POST"], tags=[tag])
    add(INDEX, repository_index, responses=error_responses(Code.INVALID_INPUT))
    for path, described in ((LOAD, model_load), (UNLOAD, model_unload)):
        add(path, described, response_class=Response, responses=error_responses(*_ERRORS))
    return app.routes
