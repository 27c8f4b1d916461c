"""Stopping and replacing workers: no request is lost, and no client can prevent it."""

import contextlib
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from framework.adapters.bentoml import WORKER_MODULE
from tests.processes import Server
from tests.server.transport.clients import COUNT, Clients
from tests.server.transport.conftest import TOY
from tests.server.transport.wire import ROWS, Wire, head
from tests.server.watching import DEADLINE_SECONDS, wait

# A busy machine starts a worker in a quarter of a minute.
START_SECONDS = 60


def workers(server: Server) -> set[int]:
    """The process ids of the workers that run."""
    found = set()
    for one in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if WORKER_MODULE in one.cmdline():
                found.add(one.pid)
    return found


def test_no_request_is_lost() -> None:
    environment = {"MODEL_SERVER_DRAIN_SECONDS": "1"}
    with (
        Server.start(TOY, workers=2, environment=environment) as server,
        Clients(server.url) as clients,
    ):
        old = workers(server)
        wait(lambda: clients.outcomes[200] > 100, "nobody was answered")
        server.process.send_signal(signal.SIGHUP)
        server.wait_until(
            lambda: len(workers(server)) == len(old) and not workers(server) & old,
            START_SECONDS,
            "the workers were not replaced",
        )
        answered = clients.outcomes[200]
        wait(lambda: clients.outcomes[200] > answered, "the new workers did not answer")
        assert set(clients.outcomes) == {200}

        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(START_SECONDS) == 0
        wait(lambda: clients.refused == COUNT, "somebody is still listening")
        assert set(clients.outcomes) == {200, "ConnectionRefusedError"}
        assert "Traceback" not in server.output()


@pytest.fixture
def stubborn() -> Iterator[list[Wire]]:
    """Connections whose clients do not let go of them."""
    connections: list[Wire] = []
    yield connections
    for one in connections:
        one.socket.close()


def hold(server: Server, connections: list[Wire]) -> None:
    """Leaves a body unfinished and an answer unread."""
    content = b'{"value":1,"name":"%s"}' % (b"n" * 5_000)
    body = b'{"rows":[%s]}' % b",".join([content] * 2_500)
    connections += [Wire(server.url), Wire(server.url, receive_buffer=4_096)]
    connections[0].send(head(len(ROWS), "unfinished"), ROWS[:1])
    connections[1].send(head(len(body), "unread") + body)


def test_a_client_that_holds_on_does_not_hold_the_server_up(stubborn: list[Wire]) -> None:
    drain_seconds, timeout_seconds = 0.5, 1.5
    environment = {
        "MODEL_SERVER_DRAIN_SECONDS": str(drain_seconds),
        "MODEL_SERVER_TIMEOUT_SECONDS": str(timeout_seconds),
    }
    with Server.start(TOY, environment=environment) as server:
        hold(server, stubborn)
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(drain_seconds + timeout_seconds + DEADLINE_SECONDS) == 0


def test_a_second_sigterm_does_not_wait(stubborn: list[Wire]) -> None:
    with Server.start(TOY, environment={"MODEL_SERVER_DRAIN_SECONDS": "30"}) as server:
        hold(server, stubborn)
        server.process.send_signal(signal.SIGTERM)
        wait(lambda: "Draining" in server.output(), "it did not drain")
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        server.process.wait(DEADLINE_SECONDS)
        assert time.monotonic() - started < DEADLINE_SECONDS
