"""Servers that share a BentoML home keep their metrics apart."""

from pathlib import Path

import httpx
import pytest

from deploy.processes import wait_until
from tests.processes import Server
from tests.server.starting import PLANE, start_refused

TOY = "tests.server.toy_service:Toy"


@pytest.mark.parametrize("fast_path", ["true", "false"])
@pytest.mark.usefixtures("toys_served")
def test_a_server_that_does_not_start_leaves_the_metrics_of_another_alone(
    server: Server, fast_path: str
) -> None:
    _metrics_of_models(server)
    port = server.url.rpartition(":")[2]

    start_refused({"MODEL_SERVER_FAST_PATH": fast_path}, "--port", port, target=PLANE)

    assert _counts_models(server)


def test_each_server_has_its_own_metrics(
    server: Server, toys_served: object, tmp_path: Path
) -> None:
    _metrics_of_models(server)

    with Server.start(PLANE, environment={"TMPDIR": str(tmp_path)}) as other:
        assert httpx.get(f"{other.url}/metrics").status_code == 200
        assert list(tmp_path.glob("model-server-metrics-*"))
        assert not _counts_models(other)
        assert _counts_models(server)
    assert not list(tmp_path.glob("model-server-metrics-*"))


def test_a_service_of_bentomls_own_class_leaves_the_metrics_of_another_alone(
    server: Server,
) -> None:
    _metrics_of_models(server)

    with Server.start(TOY, environment={"MODEL_SERVER_FAST_PATH": "false"}) as stock:
        body = {"rows": [{"value": 1}]}
        httpx.post(f"{stock.url}/double", json=body, timeout=10).raise_for_status()
        assert "bentoml_service_request_total" in httpx.get(f"{stock.url}/metrics").text
        assert not _counts_models(stock)
        assert _counts_models(server)


def _metrics_of_models(server: Server) -> None:
    """Makes requests that the server counts."""
    httpx.get(f"{server.url}/models").raise_for_status()
    wait_until(lambda: _counts_models(server), 10, "the requests were not counted")


def _counts_models(server: Server) -> bool:
    metrics = httpx.get(f"{server.url}/metrics").text
    return 'model_server_requests_total{model="",protocol="http",route="/models"' in metrics
