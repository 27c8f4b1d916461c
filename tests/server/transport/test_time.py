"""Clients that take their time: what the server waits for, and how long."""

import json
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil
import pytest

from tests.processes import Server
from tests.server.transport.conftest import TIMEOUT_SECONDS
from tests.server.transport.wire import ROWS, Wire, head
from tests.server.watching import Scrape, wait

T = TypeVar("T")

# How often the server looks, and what a busy machine adds.
LATE_SECONDS = 6
PART = len(ROWS) - 1


@pytest.fixture
def wire(hasty: Server) -> Iterator[Wire]:
    """A connection to the server itself."""
    with Wire(hasty.url) as connected:
        yield connected


def within(seconds: float, what: Callable[[], T]) -> T:
    """Returns what something gives, and sees that it takes about so long."""
    started = time.monotonic()
    found = what()
    assert seconds * 0.9 <= time.monotonic() - started <= seconds + LATE_SECONDS
    return found


@pytest.mark.parametrize("path", ["/double", "/greet"])
def test_a_body_that_does_not_come_is_answered_504(wire: Wire, path: str) -> None:
    wire.send(head(len(ROWS), "slow", path=path), ROWS[:PART])

    answer = within(TIMEOUT_SECONDS, wire.answer)

    assert answer is not None
    assert (answer.status, answer.request_id) == (504, "slow")
    assert answer.json()["code"] == "deadline_exceeded"
    assert wire.closed()


def test_a_body_that_trickles_is_answered_504(wire: Wire) -> None:
    wire.send(head(len(ROWS), "slow"))
    started = time.monotonic()
    for byte in ROWS[:PART]:
        wire.send(bytes([byte]))
        time.sleep(TIMEOUT_SECONDS / 4)
        if time.monotonic() - started > TIMEOUT_SECONDS:
            break

    answer = wire.answer()

    assert answer is not None
    assert answer.status == 504
    assert wire.closed()


def test_a_body_that_nobody_reads_does_not_hold_a_connection(wire: Wire) -> None:
    wire.send(head(len(ROWS), "lost", path="/nothing"), ROWS[:PART])

    answer = wire.answer()

    assert answer is not None
    assert answer.status == 404
    assert wire.closed()


def test_a_silent_connection_is_closed(wire: Wire) -> None:
    assert within(TIMEOUT_SECONDS, wire.closed)


def test_half_a_head_is_answered_408(wire: Wire) -> None:
    wire.send(b"POST /double HTTP/1.1\r\nhost:")

    answer = within(TIMEOUT_SECONDS, wire.answer)

    assert answer is not None
    assert answer.status == 408
    assert wire.closed()


def test_a_slow_body_that_is_in_time_is_answered(wire: Wire) -> None:
    wire.send(head(len(ROWS), "slow"), ROWS[:5], ROWS[5:9], ROWS[9:], pause_seconds=0.2)

    answer = wire.answer()

    assert answer is not None
    assert (answer.status, answer.request_id) == (200, "slow")


def test_an_answer_that_is_not_read_is_dropped(hasty: Server) -> None:
    body = json.dumps({"rows": [{"value": 1, "name": "n" * 5_000}] * 2_500}).encode()
    (worker,) = [
        one
        for one in psutil.Process(hasty.process.pid).children(recursive=True)
        if one.net_connections("tcp")
    ]
    with Wire(hasty.url, receive_buffer=4_096) as wire:
        wire.send(head(len(body), "unread") + body)

        def connected() -> bool:
            return any(
                getattr(one.raddr, "port", 0) == wire.port for one in worker.net_connections("tcp")
            )

        assert connected()
        wait(lambda: not connected(), "the unread answer was kept")


def test_a_client_that_leaves_two_requests_is_told_apart(hasty: Server) -> None:
    body = b'{"rows":[{"value":1,"sleep":1,"name":"left"}]}'

    def counted(status: str) -> float:
        total = "model_server_requests_total"
        return Scrape(hasty).total(total, route="/sleep", status=status)

    with Wire(hasty.url) as wire:
        wire.send((head(len(body), "left", path="/sleep") + body) * 2)
        time.sleep(0.3)

    wait(lambda: counted("499") == 1, "the first request was not given up")
    assert counted("200") == 0
    assert "Traceback" not in hasty.output()
