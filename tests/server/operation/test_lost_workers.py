"""A worker that is killed under load."""

import contextlib
import threading
import time
from typing import Any

import httpx
import psutil

from deploy.processes import wait_until
from tests.contract.cases import random_records
from tests.contract.expected import close
from tests.processes import Server
from tests.server.asked import MODEL, ROUTE, body_of
from tests.server.operation.driving import Servers
from tests.server.watching import Scrape, wait

TOLERANCE = 1e-9
"""How far the last bits of an answer may depend on the batch it was computed in."""


def worker_pids(server: Server) -> set[int]:
    """Process ids of the workers."""
    pids = set()
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("worker" in part for part in child.cmdline()):
                pids.add(child.pid)
    return pids


class Load:
    """Clients that send requests one after the other, and judge every answer."""

    def __init__(self, server: Server, clients: int) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self.lost: list[float] = []
        self._server = server
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._bodies = [body_of(MODEL, [record]) for record in random_records(MODEL, clients)]
        self._expected = [self._post(httpx, body) for body in self._bodies]
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]

    def _post(self, client: Any, body: object) -> list[Any]:
        response = client.post(self._server.url + ROUTE, json=body, timeout=10)
        return [response.status_code, response.headers.get("X-Model-Tag"), response.json()]

    def _run(self, number: int) -> None:
        with httpx.Client() as client:
            while not self._stopping.is_set():
                try:
                    answer = self._post(client, self._bodies[number])
                except httpx.TransportError:
                    with self._lock:
                        self.lost.append(time.monotonic())
                    continue
                with self._lock:
                    if close(answer, self._expected[number], TOLERANCE):
                        self.right += 1
                    else:
                        self.wrong.append(str(answer))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Waits for this many further right answers."""
        goal = self.right + answers
        wait(lambda: self.right >= goal, "the load did not go on")


def test_a_killed_worker_costs_its_requests_under_way_and_is_replaced(servers: Servers) -> None:
    server, clients = servers.twins, 6
    before = worker_pids(server)
    assert len(before) == 2
    with Load(server, clients) as load:
        load.wait_for(200)
        victim = psutil.Process(min(before))
        killed = time.monotonic()
        victim.kill()
        load.wait_for(200)
        wait_until(
            lambda: len(worker_pids(server) - {victim.pid}) == 2, 30, "nobody replaced the worker"
        )
        server.wait_until_ready()
        load.wait_for(200)

    assert load.wrong == []
    assert len(load.lost) <= clients
    assert all(0 <= lost - killed < 2 for lost in load.lost)
    assert before - {victim.pid} <= worker_pids(server)
    # The dead one is not waited for by those who read the metrics.
    assert Scrape(server).total("model_server_queue_rows") == 0
