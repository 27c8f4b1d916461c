"""What a service of any kind tells of itself, and what it opens beside."""

import functools
import socket
from collections.abc import Iterator
from typing import Any

import bentoml
import pytest
import yaml
from fastapi import FastAPI
from openapi_spec_validator import validate

from deploy.processes import free_port
from serving import ModelService, load_settings, resources_app
from tests.server.differential.kinds import KINDS, serving_app
from tests.server.differential.services import Kind


def made(kind: Kind, **options: Any) -> Any:
    """A service of a kind, served by our class."""
    return kind.make(functools.partial(bentoml.service, service_class=ModelService, **options))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_service_of_any_kind_is_described(kind: Kind) -> None:
    service = made(kind)
    document = service.openapi_spec

    validate(document)
    paths = {f"{service.path_prefix or ''}{api.route}" for api in service.apis.values()}
    assert paths <= document["paths"].keys()
    # As `bentoml build` writes it, and as BentoML's own document is used.
    assert yaml.safe_load(yaml.dump(document)) == document.asdict() == document


def test_every_media_type_is_told() -> None:
    told = {}
    for kind in KINDS:
        for path, item in made(kind).openapi_spec["paths"].items():
            operation = item.get("post", {})
            asked = operation.get("requestBody", {}).get("content", {})
            answered = operation.get("responses", {}).get("200", {}).get("content", {})
            told[path] = (*asked, *answered)

    assert told["/shout"] == ("text/plain", "text/plain")
    assert told["/page"] == ("application/json", "text/html")
    assert told["/size"] == ("multipart/form-data", "application/json")
    assert told["/turn"] == ("multipart/form-data", "image/*")
    assert told["/write"] == ("application/json", "text/csv")
    assert told["/events"] == ("application/json", "text/event-stream")
    assert told["/fastapi/items"] == ("application/json", "application/json")


def test_a_task_is_described_with_the_paths_by_which_it_is_watched() -> None:
    @bentoml.service(service_class=ModelService)
    class Tasks:
        @bentoml.task
        def later(self, number: int) -> int:
            return number

    service: Any = Tasks
    validate(service.openapi_spec)

    found = {
        f"{method} {path}"
        for path, item in service.openapi_spec["paths"].items()
        for method in item
        if path.startswith("/later")
    }
    assert found == {
        "post /later",
        "post /later/submit",
        "get /later/status",
        "get /later/get",
        "post /later/retry",
        "put /later/cancel",
    }


def test_operations_have_ids_of_their_own_whatever_an_api_is_called() -> None:
    other = FastAPI(generate_unique_id_function=lambda route: route.name)
    other.add_api_route("/double", lambda: None, name="double")

    @bentoml.service(service_class=ModelService)
    @bentoml.asgi_app(other, path="/other")
    @bentoml.asgi_app(resources_app(), path="/")
    class Named:
        @bentoml.api
        def list_models(self) -> int:
            return 1

        @bentoml.api
        def livez(self) -> int:
            return 1

        @bentoml.api
        def double(self) -> int:
            return 1

    service: Any = Named
    paths = service.openapi_spec["paths"]
    validate(service.openapi_spec)

    ids = {
        f"{method} {path}": operation["operationId"]
        for path, item in paths.items()
        for method, operation in item.items()
    }
    assert len(set(ids.values())) == len(ids)
    assert ids["post /list_models"] == "list_models"
    assert ids["get /models"] == "server_list_models"
    assert ids["get /livez"] == "server_livez"
    assert ids["get /other/double"] == "server_double"


@pytest.mark.parametrize("with_resources", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in {"arrays", "at_root"}])
def test_the_document_is_served(kind: Kind, with_resources: bool) -> None:
    service = made(kind)
    if with_resources:
        service.mount_asgi_app(resources_app(), path="/")
    path = f"{service.path_prefix or ''}/docs.json"

    with serving_app(service.to_asgi()) as client:
        got, head = client.get(path), client.head(path)

    assert (got.status_code, got.json()) == (200, service.openapi_spec)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))


@pytest.fixture
def grpc_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A free port, which the settings name for gRPC."""
    port = free_port()
    monkeypatch.setenv("GRPC_PORT", str(port))
    load_settings.cache_clear()
    yield port
    load_settings.cache_clear()


def test_a_service_with_nothing_to_offer_over_grpc_does_not_listen_there(grpc_port: int) -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "scalars"]
    service = made(kind)

    with serving_app(service.to_asgi()), socket.socket() as other:
        # Nobody has it.
        other.bind(("127.0.0.1", grpc_port))
    assert service.further_listeners == []


def test_metrics_can_be_switched_off() -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "at_root"]

    with serving_app(made(kind, metrics={"enabled": False}).to_asgi()) as client:
        client.post("/v1/double", json={"numbers": [1]}).raise_for_status()
        assert client.get("/v1/metrics").status_code == 404
