"""Time and stopping behind the proxies that people put before a server: what it says arrives."""

import contextlib
import signal
from pathlib import Path

import pytest

from tests.processes import Server
from tests.server.transport.clients import Clients
from tests.server.transport.conftest import TOY
from tests.server.transport.proxies import proxy
from tests.server.transport.wire import ROWS, Wire, head
from tests.server.watching import DEADLINE_SECONDS, wait

# What a proxy says that finds nobody to pass a request on to.
NOBODY = {"haproxy": 503, "nginx": 502}


def wait_for(clients: Clients, status: int) -> None:
    wait(lambda: clients.outcomes[status] > 10, f"nobody was answered {status}")


@pytest.mark.parametrize("pieces", [1, 4])
def test_a_body_that_does_not_come_is_answered_504(way: str, pieces: int) -> None:
    with Wire(way) as wire:
        wire.send(head(len(ROWS), "slow"), *(ROWS[at : at + 1] for at in range(pieces)))

        answer = wire.answer()

    assert answer is not None
    assert (answer.status, answer.request_id) == (504, "slow")
    assert answer.json()["code"] == "deadline_exceeded"


def test_a_slow_body_that_is_in_time_is_answered(way: str) -> None:
    with Wire(way) as wire:
        wire.send(head(len(ROWS), "slow"), ROWS[:5], ROWS[5:9], ROWS[9:], pause_seconds=0.2)

        answer = wire.answer()

    assert answer is not None
    assert (answer.status, answer.request_id) == (200, "slow")


def test_a_server_that_stops_loses_no_request_of_a_proxy(tmp_path: Path) -> None:
    with (
        Server.start(TOY, environment={"MODEL_SERVER_DRAIN_SECONDS": "1"}) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = {}
        for name in NOBODY:
            folder = tmp_path / name
            folder.mkdir()
            url, before = stack.enter_context(proxy(name, server.url, folder))
            clients[name] = (stack.enter_context(Clients(url)), before)
        for asking, _ in clients.values():
            wait_for(asking, 200)

        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE_SECONDS) == 0

        for name, (asking, before) in clients.items():
            wait_for(asking, NOBODY[name])
            statuses = {one for one in asking.outcomes if isinstance(one, int)}
            assert statuses == {200, NOBODY[name]}, name
            # nginx answers the same, or nothing, whether the server was gone or failed it.
            errors = [line for line in before.output().splitlines() if "[error]" in line]
            assert [line for line in errors if "Connection refused" not in line] == []
