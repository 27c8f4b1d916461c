"""What the server relies on in uvicorn's: each name has a test that says what for."""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Callable, Container, Iterator, MutableMapping
from typing import Any

import pytest
import uvicorn

from framework.adapters.uvicorn_connection import Connection, Direct
from framework.adapters.uvicorn_server import Server, serve_by
from framework.connections import ConnectionLimits

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
CLIENTS = 100


class Recorder:
    """What a worker does when it is told to stop: here, it remembers that it was."""

    drain_seconds = 0.3
    limits = ConnectionLimits()
    tls: Callable[[], ssl.SSLContext] | None = None
    timeout_seconds = 5.0
    workers = 1
    probes: Container[str] = ("/",)

    def __init__(self) -> None:
        self.headers = [("x-own", "one")]
        self.told: list[str] = []
        self.signals = 0
        self.direct: dict[str, Direct] = {}
        self.began, self.drained = asyncio.Event(), asyncio.Event()

    def started(self) -> None:
        self.told.append("started")
        self.began.set()

    def told_to_stop(self) -> None:
        self.signals += 1

    def drain(self) -> None:
        self.told.append("drain")
        self.drained.set()

    def stop(self) -> None:
        self.told.append("stop")

    def refused(self, status: int) -> None:
        self.told.append("refused")


async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Answers."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Remembers; the process's own ways with signals are kept."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    # Uvicorn raises again what it was sent, once it has ended.
    before = {one: signal.signal(one, lambda *_: None) for one in numbers}
    yield Recorder()
    for number, handler in before.items():
        signal.signal(number, handler)


def serve(recorder: Recorder, visit: Any, workers: int = 1) -> None:
    """Serves while `visit` runs in the same loop, with the address as argument."""
    recorder.workers = workers

    async def serving() -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        server = Server(recorder, config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await recorder.began.wait()
        assert all(type(one) is Connection for one in server.server_state.connections)
        await visit(*listening.getsockname())
        await asyncio.wait_for(running, 10)

    asyncio.run(serving())


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Asks once more; returns the answer's head, or nothing if there was none."""
    writer.write(GET)
    try:
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@pytest.mark.parametrize("workers", [1, 3])
def test_all_that_connect_are_answered(recorder: Recorder, workers: int) -> None:
    async def visit(host: str, port: int) -> None:
        opened = [await asyncio.open_connection(host, port) for _ in range(CLIENTS)]
        heads = await asyncio.gather(*(answer(*one) for one in opened))
        assert {head.split(b"\r\n")[0] for head in heads} == {b"HTTP/1.1 204 No Content"}
        for _, writer in opened:
            writer.close()
        os.kill(os.getpid(), signal.SIGTERM)

    serve(recorder, visit, workers)


def test_handle_exit_tells_of_a_signal_that_comes_before_the_application_has_started(
    recorder: Recorder,
) -> None:
    async def starting(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        signal.raise_signal(signal.SIGTERM)
        assert recorder.signals == 1
        await send({"type": "lifespan.startup.failed", "message": ""})

    server = Server(recorder, uvicorn.Config(starting, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(SystemExit):
        asyncio.run(server.serve(sockets=[listening]))

    assert (recorder.signals, recorder.told) == (1, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_draining_closes_connections_by_their_answers(
    recorder: Recorder, number: signal.Signals
) -> None:
    async def visit(host: str, port: int) -> None:
        old = await asyncio.open_connection(host, port)
        assert b"connection: close" not in await answer(*old)
        os.kill(os.getpid(), number)
        await recorder.drained.wait()
        assert b"connection: close" in await answer(*old)
        assert not await old[0].read()
        late = await asyncio.open_connection(host, port)
        # A server that leaves its place to others takes no more.
        served = await asyncio.wait({asyncio.ensure_future(answer(*late))}, timeout=0.1)
        assert bool(served[0]) is (number == signal.SIGTERM)
        for _, writer in (old, late):
            writer.close()

    serve(recorder, visit)
    assert recorder.told == ["started", "drain", "stop"]


def test_a_second_sign_does_not_wait(recorder: Recorder) -> None:
    recorder.drain_seconds = 1_000

    async def visit(host: str, port: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await recorder.drained.wait()
        os.kill(os.getpid(), signal.SIGTERM)

    serve(recorder, visit)


def test_uvicorns_server_is_replaced_in_bentomls_workers_alone(recorder: Recorder) -> None:
    before = uvicorn.Server

    serve_by(recorder)

    assert uvicorn.Server is before
