"""A running container: its rights, its signals, its lost worker."""

import time

import pytest
import requests

from deploy.engine import Engine
from deploy.processes import wait_until
from deploy.running import HTTP_PORT, Container
from tests.container.conftest import Measured

HEALTH_SECONDS = 60
DRAIN_SECONDS = 1


def execute(container: Container, code: str) -> str:
    """Runs Python inside a container and returns what it prints."""
    return container.engine.run("exec", container.id, "python", "-c", code)


def test_it_is_ready_before_anybody_gives_it_up(
    engine: Engine, image: str, measured: Measured
) -> None:
    started = time.monotonic()
    with Container.start(engine, image) as container:
        container.wait_until_ready()
        seconds = time.monotonic() - started

    measured("ready after", f"{seconds:.1f} s")
    assert seconds <= HEALTH_SECONDS


def test_no_process_is_root_or_has_a_right_left(container: Container) -> None:
    status = execute(
        container,
        "from pathlib import Path\n"
        "for file in Path('/proc').glob('[0-9]*/status'): print(file.read_text())",
    )

    fields = [line.split(":", 1) for line in status.splitlines() if ":" in line]
    values = [(name, set(value.split())) for name, value in fields]
    assert {frozenset(value) for name, value in values if name in ("Uid", "Gid")} == {
        frozenset({"10001"})
    }
    assert {
        frozenset(value) for name, value in values if name in ("CapEff", "CapPrm", "CapBnd")
    } == {frozenset({"0" * 16})}
    assert ("NoNewPrivs", {"1"}) in values
    assert ("NoNewPrivs", {"0"}) not in values


def test_only_the_temporary_folder_is_writable(container: Container) -> None:
    writable = execute(
        container,
        "import os\n"
        "for folder, names, _ in os.walk('/'):\n"
        "    names[:] = [] if folder in ('/proc', '/sys', '/dev') else names\n"
        "    if os.access(folder, os.W_OK): print(folder)",
    ).splitlines()

    outside = [folder for folder in writable if folder != "/tmp" and folder[:5] != "/tmp/"]
    assert outside == []
    assert "/tmp" in writable


def test_the_health_check_passes(container: Container) -> None:
    wait_until(container.is_healthy, HEALTH_SECONDS, "the health check did not pass")


def test_sigterm_drains_and_ends_with_success(
    engine: Engine, image: str, measured: Measured
) -> None:
    environment = {"MODEL_SERVER_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with Container.start(engine, image, environment=environment) as container:
        container.wait_until_ready()
        url = container.url
        started = time.monotonic()
        engine.run("kill", "--signal=TERM", container.id)

        wait_until(
            lambda: requests.get(f"{url}/readyz", timeout=1).status_code == 503,
            DRAIN_SECONDS,
            "readiness did not fail first",
        )
        assert requests.get(f"{url}/models", timeout=1).ok, "still answers while it drains"
        wait_until(
            lambda: not container.inspect()["State"]["Running"], 20, "the container did not end"
        )

        measured(
            "SIGTERM to exit", f"{time.monotonic() - started:.1f} s, draining {DRAIN_SECONDS} s"
        )
        assert container.inspect()["State"]["ExitCode"] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_lost_worker_fails_liveness(engine: Engine, image: str, workers: int) -> None:
    with Container.start(engine, image, environment={"WORKERS": str(workers)}) as container:
        container.wait_until_ready()
        wait_until(container.is_healthy, HEALTH_SECONDS, "the health check did not pass")

        execute(
            container,
            "import psutil\n"
            "workers = [c for c in psutil.Process(1).children() if 'worker' in str(c.cmdline())]\n"
            "workers[0].kill()",
        )

        wait_until(
            lambda: not container.is_healthy(),
            HEALTH_SECONDS,
            "liveness did not fail",
        )
        # The engine or the kubelet restarts it; it does not end, nor heal, by itself.
        assert container.inspect()["State"]["Running"]
        assert not container.is_healthy()


def test_both_ports_are_declared(container: Container) -> None:
    ports = container.inspect()["NetworkSettings"]["Ports"]

    assert {f"{HTTP_PORT}/tcp", "3001/tcp"} <= ports.keys()


def test_the_autoscalers_own_metric_is_there(container: Container) -> None:
    metrics = requests.get(f"{container.url}/metrics", timeout=10).text

    assert "model_server_queue_rows{" in metrics
