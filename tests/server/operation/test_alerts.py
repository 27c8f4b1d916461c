"""Faults that are injected into a real server fire their alerts in a real Prometheus."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.processes import wait_until
from tests.processes import Server
from tests.prometheus import Prometheus
from tests.server.operation.driving import (
    QUEUE_ROWS,
    TIMEOUT_SECONDS,
    TOY,
    sleep,
    start_sleeping,
    traffic,
)

DEADLINE_SECONDS = 60
HANG_SECONDS = 15
BURNS = "ModelServerBudgetBurnsFast"
ENVIRONMENT = {
    "MODEL_SERVER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    "MODEL_SERVER_MAX_ROWS": str(QUEUE_ROWS),
    "MODEL_SERVER_MAX_QUEUE_ROWS": str(QUEUE_ROWS),
    # So that a worker that is lost stays lost, as in a pod.
    "BENTOML_CONTAINERIZED": "true",
}


def double(server: Server) -> httpx.Response:
    """Sends a row that is well."""
    return httpx.post(f"{server.url}/double", json={"rows": [{"value": 1}]})


def fail(server: Server) -> httpx.Response:
    """Sends a row that the model fails for."""
    return httpx.post(f"{server.url}/pick", json={"rows": [{"value": 1, "fail": True}]})


def watch(folder: Path, server: Server) -> contextlib.AbstractContextManager[Prometheus]:
    return Prometheus.start(folder, model_server=server.url.removeprefix("http://"))


@pytest.fixture(scope="module")
def toy() -> Iterator[Server]:
    """The toy with a short time-out and room for few rows."""
    with Server.start(TOY, environment=ENVIRONMENT) as running:
        yield running


@pytest.fixture
def prometheus(toy: Server, tmp_path: Path) -> Iterator[Prometheus]:
    """One that has seen the toy well, with some traffic."""
    with watch(tmp_path, toy) as running, traffic(lambda: double(toy)):

        def well() -> bool:
            kept = running.query("model_server:bad_requests:ratio_rate3d == 0")
            return len(kept) == 2 and not running.firing()

        wait_until(well, DEADLINE_SECONDS, "the objectives were not measured, or not kept")
        yield running


def wait_for_alert(prometheus: Prometheus, name: str, **labels: str) -> None:
    """Waits until an alert fires, and looks at what all that fire say."""

    def fires() -> bool:
        return any(labels.items() <= alert["labels"].items() for alert in prometheus.firing(name))

    wait_until(fires, DEADLINE_SECONDS, f"{name} {labels} did not fire")
    for alert in prometheus.firing():
        assert not any("<error" in text for text in alert["annotations"].values()), alert


def test_failures_use_up_the_error_budget(toy: Server, prometheus: Prometheus) -> None:
    assert fail(toy).status_code == 500

    with traffic(lambda: fail(toy)):
        wait_for_alert(prometheus, BURNS, objective="availability", severity="page")

    for alert in prometheus.firing(BURNS):
        assert alert["annotations"]["summary"].startswith("Routes without a model: ")
    wait_until(lambda: not prometheus.firing(), DEADLINE_SECONDS, "the alert did not end")


def test_a_batch_that_hangs_fails_liveness_and_both_objectives(
    toy: Server, prometheus: Prometheus, background: ThreadPoolExecutor
) -> None:
    start_sleeping(toy, background, HANG_SECONDS)

    with traffic(lambda: sleep(toy, "late", 0)):
        for objective in ("availability", "latency"):
            wait_for_alert(prometheus, BURNS, objective=objective)

    assert httpx.get(f"{toy.url}/livez").status_code == 503


def test_overload_is_told(toy: Server, prometheus: Prometheus) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(traffic(lambda: sleep(toy, "crowd", 0.1, rows=QUEUE_ROWS)))
        wait_for_alert(prometheus, "ModelServerRefuses")


def test_a_lost_worker_is_told_and_a_lost_server(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server.start(TOY, workers=2, environment=ENVIRONMENT))
        prometheus = stack.enter_context(watch(tmp_path, server))
        # Until its first scrape, Prometheus knows of no server.
        wait_until(lambda: not prometheus.firing(), DEADLINE_SECONDS, "an alert fired")

        psutil.Process(server.process.pid).children()[0].kill()
        wait_for_alert(prometheus, "ModelServerWorkerLost", runner_name="toy")
        wait_until(
            lambda: not prometheus.firing("ModelServerDown"),
            DEADLINE_SECONDS,
            "one worker counts as all",
        )

        server.stop()
        wait_for_alert(prometheus, "ModelServerDown", severity="page")
