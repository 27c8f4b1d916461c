"""Connections that are held open take no more of a server than it gives away."""

import contextlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.processes import wait_until
from tests.processes import Server
from tests.server.transport.conftest import TOY

MOST, MOST_OF_ONE = 16, 20
# Longer than uvicorn's own, so that a busy machine cannot be taken for it.
IDLE_SECONDS = 6.5
DEADLINE_SECONDS = 20
ENVIRONMENT = {
    "MODEL_SERVER_MAX_CONNECTIONS": str(MOST),
    "MODEL_SERVER_CLIENT_CONNECTIONS": str(MOST_OF_ONE),
    "MODEL_SERVER_KEEP_ALIVE_SECONDS": str(IDLE_SECONDS),
}
PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /docs.json HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The toy, which gives few connections away, and takes them back soon."""
    with Server.start(TOY, environment=ENVIRONMENT) as running:
        yield running


def ask(server: Server, stack: contextlib.ExitStack, request: bytes) -> tuple[socket.socket, bytes]:
    """Asks over a new connection; returns it, and the status line of the answer."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connected = stack.enter_context(
        socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
    )
    connected.sendall(request)
    with contextlib.suppress(ConnectionError):
        return connected, connected.recv(65_536).partition(b"\r\n")[0]
    return connected, b""


def is_alone(server: Server) -> bool:
    """Whether a connection gets an answer, now that those of others have gone."""
    with contextlib.ExitStack() as stack:
        return ask(server, stack, OTHER)[1] == b"HTTP/1.1 200 OK"


def test_beyond_the_most_only_probes_are_answered_and_of_one_address_nothing(
    server: Server,
) -> None:
    with contextlib.ExitStack() as stack:
        held = []
        # One at a time: the connection of whoever waited for the server may be open yet.
        while (one := ask(server, stack, PROBE))[1] == b"HTTP/1.1 200 OK":
            held.append(one[0])
        assert one[1].startswith(b"HTTP/1.1 429 ")
        assert MOST < len(held) <= MOST_OF_ONE
        for connected in held[MOST - 1 :]:
            connected.close()
        wait_until(
            lambda: ask(server, stack, OTHER)[1].startswith(b"HTTP/1.1 503 "),
            DEADLINE_SECONDS,
            "what is no probe was not refused",
        )
        assert ask(server, stack, PROBE)[1] == b"HTTP/1.1 200 OK"

    wait_until(lambda: is_alone(server), DEADLINE_SECONDS, "no connection was given back")
    assert httpx.get(f"{server.url}/livez").status_code == 200


def test_an_idle_connection_is_kept_for_the_time_that_was_set(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        connected, status = ask(server, stack, OTHER)
        assert status == b"HTTP/1.1 200 OK"
        started = time.monotonic()
        while connected.recv(65_536):
            started = time.monotonic()
        assert time.monotonic() - started > IDLE_SECONDS * 0.9
