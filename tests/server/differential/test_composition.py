"""What only `bentoml serve` can show: services that ask each other, clients, tasks."""

from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import pytest

from deploy.processes import wait_until
from serving import load_settings
from tests.processes import Server

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def composed() -> Iterator[Server]:
    """Both services, served."""
    with Server.start("tests.server.differential.composition:Outer") as server:
        yield server


@pytest.fixture
def asking(composed: Server) -> Iterator[bentoml.SyncHTTPClient]:
    """BentoML's own client."""
    with bentoml.SyncHTTPClient(composed.url) as client:
        yield client


def test_a_service_asks_another_one(asking: bentoml.SyncHTTPClient) -> None:
    # From the second time on, a batch might run on the event loop.
    assert [asking.double(numbers=[1, 2]) for _ in range(20)] == [[2, 4]] * 20
    assert asking.total(size=1_000) == 1_000


def test_bentomls_client_sends_files(asking: bentoml.SyncHTTPClient, tmp_path: Path) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(b"x" * 1_000)

    assert asking.size(file=file) == 1_000


def test_a_task_is_submitted_and_fetched(composed: Server) -> None:
    with httpx.Client(base_url=f"{composed.url}/later/") as client:
        submitted = client.post("submit", json={"number": 1}).json()
        task = {"task_id": submitted["task_id"]}
        wait_until(
            lambda: client.get("status", params=task).json()["status"] == "completed",
            20,
            "the task was not completed",
        )
        assert client.get("get", params=task).json() == 2
        assert client.get("get", params={"task_id": "none"}).status_code == 404


def test_pickle_is_refused_by_the_service_that_clients_ask(composed: Server) -> None:
    for path in ("/double", "/total"):
        pickled = {"Content-Type": "application/vnd.bentoml+pickle"}
        response = httpx.post(composed.url + path, content=b"\x80\x04N.", headers=pickled)
        assert response.status_code == 415


def test_a_tasks_body_has_a_limit(composed: Server) -> None:
    body = b" " * (load_settings().max_body_bytes + 1)

    response = httpx.post(f"{composed.url}/later/submit", content=body, headers=JSON, timeout=30)

    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("path", ["/double", "/size"])
def test_browsers_of_other_sites_are_told_what_the_configuration_says(
    composed: Server, path: str
) -> None:
    allowed = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
    asked = httpx.options(composed.url + path, headers=allowed)
    answered = httpx.post(composed.url + path, json={"numbers": [1]}, headers=allowed)

    for response in (asked, answered):
        assert response.headers["access-control-allow-origin"] == "https://example.com"
