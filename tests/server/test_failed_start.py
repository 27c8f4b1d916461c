"""What a server does whose disk is full, and whose models are gone, when its workers are killed."""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import bentoml
import httpx
import psutil
import pytest

from deploy.processes import wait_until
from framework.discovery import find_models
from serving.failed_start import AGAIN_SECONDS
from tests.disks import fill, on_a_small_disk
from tests.processes import Server

SHARED_MEMORY = Path("/dev/shm")
WORKERS = 2
DEADLINE_SECONDS = 60
ERROR = '"level":"ERROR"'
# Fresh connections, each accepted by whichever worker comes first.
REQUESTS = 40

MODEL = next(iter(find_models().values()))


@pytest.fixture(scope="module")
def home(stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home with a copy of the model."""
    folder = tmp_path_factory.mktemp("home")
    stored = stored_models[MODEL.name]
    shutil.copytree(stored.path, folder / "models" / stored.tag.path())
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """A server whose shared memory is a small disk."""
    environment = {"BENTOML_HOME": str(home), "MODELS": MODEL.name}
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = str(SHARED_MEMORY)
    inside = partial(on_a_small_disk, SHARED_MEMORY, "1m")
    with Server.start(workers=WORKERS, environment=environment, inside=inside) as running:
        yield running


def workers(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def errors(server: Server, sentence: str) -> list[str]:
    return [line for line in server.output().splitlines() if sentence in line]


def wait(server: Server, sentence: str, count: int) -> None:
    server.wait_until(
        lambda: len(errors(server, sentence)) >= count, DEADLINE_SECONDS, f"no {sentence!r}"
    )


def predict(server: Server) -> httpx.Response:
    url = f"{server.url}/{MODEL.name}/predict"
    return httpx.post(url, json={MODEL.rows: MODEL.sample}, timeout=DEADLINE_SECONDS)


def test_a_worker_starts_and_serves_on_a_full_disk_without_metrics(server: Server) -> None:
    wait(server, "initialized", WORKERS)
    fill(Path(f"/proc/{server.process.pid}/root{SHARED_MEMORY}"))

    for worker in workers(server):
        worker.kill()

    wait_until(lambda: predict(server).status_code == 200, DEADLINE_SECONDS, "nobody serves")
    wait(server, "initialized", 2 * WORKERS)
    assert httpx.get(f"{server.url}/metrics", timeout=DEADLINE_SECONDS).status_code == 200
    said = errors(server, ERROR)
    assert len(said) >= WORKERS
    assert said == errors(server, "There is no room for the metrics of this worker")
    assert "Traceback" not in server.output()


def test_a_worker_that_cannot_start_leaves_the_clients_to_the_others(
    server: Server, home: Path
) -> None:
    shutil.rmtree(home / "models" / MODEL.name)

    workers(server)[0].kill()
    wait(server, "This worker cannot start", 1)

    assert {predict(server).status_code for _ in range(REQUESTS)} == {200}


def test_where_no_worker_can_start_clients_are_refused(server: Server) -> None:
    before = len(errors(server, "This worker cannot start"))
    for worker in workers(server):
        worker.kill()
    wait(server, "This worker cannot start", before + 1)

    refused = predict(server)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    for path in ("livez", "readyz", "models", "v2/health/live"):
        assert httpx.get(f"{server.url}/{path}", timeout=DEADLINE_SECONDS).status_code == 503
    (sentence, *_) = errors(server, "This worker cannot start")
    assert f"The BentoML store has no model {MODEL.name}:" in sentence
    assert "Traceback" not in server.output()


def test_a_server_of_such_workers_stops_when_it_is_told_to(server: Server) -> None:
    server.terminate()

    wait_until(lambda: server.process.poll() is not None, AGAIN_SECONDS / 2, "it did not stop")
