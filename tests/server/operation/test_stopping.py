"""Stopping: readiness fails first, requests under way end."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from deploy.processes import wait_until
from tests.processes import Server
from tests.server.operation.driving import TOY, start_sleeping
from tests.server.watching import DEADLINE_SECONDS, wait


def test_readiness_fails_first_and_requests_end_before_the_server_does(
    background: ThreadPoolExecutor,
) -> None:
    drain_seconds, request_seconds, margin_seconds = 2.0, 3.5, 6.0
    environment = {"MODEL_SERVER_DRAIN_SECONDS": str(drain_seconds)}
    with Server.start(TOY, environment=environment) as server, httpx.Client() as idle:
        assert idle.get(f"{server.url}/livez").status_code == 200
        sleeping = start_sleeping(server, background, request_seconds)
        terminated = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        def unready() -> bool:
            response = httpx.get(f"{server.url}/readyz", timeout=5)
            return response.status_code == 503 and response.json()["code"] == "unavailable"

        wait_until(unready, drain_seconds, "readiness did not fail")
        predicted = httpx.post(f"{server.url}/double", json={"rows": [{"value": 2}]}, timeout=5)
        assert predicted.json() == [{"value": 4, "name": ""}]
        assert httpx.get(f"{server.url}/livez", timeout=5).status_code == 200

        response = sleeping.result()
        assert (response.status_code, response.json()) == (200, [0])
        # The client that keeps its idle connection open does not hold the server up.
        limit = drain_seconds + request_seconds + margin_seconds
        assert server.process.wait(limit) == 0
        assert drain_seconds <= time.monotonic() - terminated <= limit


def test_after_draining_nobody_listens() -> None:
    environment = {"MODEL_SERVER_DRAIN_SECONDS": "0.3"}
    with Server.start(TOY, environment=environment) as server, httpx.Client() as kept:
        url, body = f"{server.url}/double", {"rows": [{"value": 2}]}
        server.process.send_signal(signal.SIGTERM)
        statuses: list[int] = []

        def closed() -> bool:
            try:
                statuses.append(kept.post(url, json=body, timeout=5).status_code)
            except httpx.TransportError:
                return True
            return False

        # Until it is closed, a connection in use is answered as ever.
        wait(closed, "the connection stayed open")
        assert set(statuses) == {200}
        assert server.process.wait(DEADLINE_SECONDS) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.post(url, json=body)
