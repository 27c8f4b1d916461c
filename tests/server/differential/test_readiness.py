"""Readiness is told where it is asked, and nowhere else."""

from typing import Any

import bentoml
import pytest
from starlette.types import ASGIApp

from serving import ModelService, resources_app
from tests.server.differential.kinds import serving_app

OWN = ["/v2/health/ready"]


def moody(ready: bool) -> Any:
    """A service that says itself whether it is ready, with an API whose path ends like a probe."""

    @bentoml.service(service_class=ModelService)
    @bentoml.asgi_app(resources_app(), path="/")
    class Moody:
        def __init__(self) -> None:
            self.models: dict[str, Any] = {}

        @bentoml.api(route="/oven/ready")
        def oven(self) -> str:
            return "nearly"

        def __is_ready__(self) -> bool:
            return ready

    return Moody


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("path", ["/readyz", *OWN])
def test_a_service_that_is_not_ready_is_ready_on_no_protocol(ready: bool, path: str) -> None:
    with serving_app(moody(ready).to_asgi()) as client:
        assert client.get(path).status_code == (200 if ready else 503)
        assert client.post("/oven/ready").text == "nearly"


def test_draining_fails_readiness_alone() -> None:
    app: ASGIApp = moody(ready=True).to_asgi()
    with serving_app(app) as client:
        app._lifecycle.draining = True  # type: ignore[attr-defined]
        codes = {path: client.get(path).status_code for path in ["/readyz", *OWN, "/models"]}
        assert client.post("/oven/ready").text == "nearly"

    assert codes == {"/readyz": 503, "/v2/health/ready": 503, "/models": 200}


def test_a_batch_that_hangs_fails_liveness_alone() -> None:
    app: ASGIApp = moody(ready=True).to_asgi()
    with serving_app(app) as client:
        app._lifecycle._hangs = lambda: True  # type: ignore[attr-defined]
        paths = ["/livez", "/healthz", "/v2/health/live", "/readyz", "/v2/health/ready"]
        codes = {path: client.get(path).status_code for path in paths}

    failed = {path for path, code in codes.items() if code == 503}
    assert failed == {"/livez", "/healthz", "/v2/health/live"}
