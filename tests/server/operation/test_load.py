"""Time-outs, overload, and clients that leave."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.server.operation.driving import (
    QUEUE_ROWS,
    TIMEOUT_SECONDS,
    Servers,
    computed,
    queued_rows,
    sleep,
    start_sleeping,
)
from tests.server.watching import Scrape, wait


def test_a_time_out_is_answered_and_frees_its_place(
    servers: Servers, background: ThreadPoolExecutor
) -> None:
    server = servers.hasty
    started = time.monotonic()
    running = start_sleeping(server, background, 3 * TIMEOUT_SECONDS)
    queued = background.submit(sleep, server, "queued", 0, rows=3)
    for response in (running.result(), queued.result()):
        assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")
    # Both came while the model was still busy with the first.
    assert TIMEOUT_SECONDS <= time.monotonic() - started < 3 * TIMEOUT_SECONDS

    assert queued_rows(server) == 0
    wait(lambda: sleep(server, "after", 0).status_code == 200, "the model was not free again")
    assert "queued" not in computed(server)


def test_a_batch_that_does_not_end_fails_liveness(
    servers: Servers, background: ThreadPoolExecutor
) -> None:
    server = servers.hasty
    started = time.monotonic()
    # The model is busy for longer than twice the time-out, which is what it may take.
    sleeping = start_sleeping(server, background, 5 * TIMEOUT_SECONDS)

    def liveness() -> int:
        return httpx.get(f"{server.url}/livez", timeout=30).status_code

    assert liveness() == 200
    wait(lambda: liveness() == 503, "liveness did not fail")
    assert time.monotonic() - started > 2 * TIMEOUT_SECONDS
    assert sleeping.result().status_code == 504
    wait(lambda: liveness() == 200, "liveness did not come back")


def test_overload_is_refused_at_once_and_what_was_accepted_is_answered(
    servers: Servers, background: ThreadPoolExecutor
) -> None:
    server, before = servers.small, Scrape(servers.small)
    sleeping = start_sleeping(server, background, 3)
    accepted = background.submit(sleep, server, "accepted", 0, rows=QUEUE_ROWS)
    wait(lambda: queued_rows(server) == QUEUE_ROWS, "the queue was not full")

    refused = list(background.map(lambda _: sleep(server, "refused", 0), range(10)))

    assert not sleeping.done()
    for response in refused:
        assert (response.status_code, response.json()["code"]) == (503, "overloaded")
        assert int(response.headers["Retry-After"]) >= 1
    assert sleeping.result().status_code == 200
    assert accepted.result().json() == list(range(QUEUE_ROWS))
    assert "refused" not in computed(server)
    after = Scrape(server)
    refusals = [
        scrape.total("model_server_refusals_total", route="/sleep", reason="queue_full")
        for scrape in (before, after)
    ]
    assert refusals[1] - refusals[0] == len(refused)
    assert after.total("model_server_queue_rows") == 0
    assert sleep(server, "later", 0).status_code == 200


def test_a_client_that_leaves_the_queue_is_not_computed(
    servers: Servers, background: ThreadPoolExecutor
) -> None:
    server = servers.small
    assert sleep(server, "for the estimate", 0.2).status_code == 200
    sleeping = start_sleeping(server, background, 3)
    body = b'{"rows": [{"value": 1, "name": "gone"}]}'
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /sleep HTTP/1.1\r\nHost: toy\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        wait(lambda: queued_rows(server) == 1, "the request was not queued")
    wait(lambda: queued_rows(server) == 0, "the request stayed in the queue")

    assert not sleeping.done()
    assert sleeping.result().status_code == 200
    assert sleep(server, "later", 0).status_code == 200
    assert "gone" not in computed(server)
