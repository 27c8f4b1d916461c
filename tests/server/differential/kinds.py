"""All kinds of services, and how each is served for a test."""

import contextlib
import functools
import socket
import threading
from collections.abc import Iterator
from typing import Any

import bentoml
import httpx
import uvicorn

from deploy.processes import wait_until
from serving import ModelService
from tests.server.differential.services import (
    Kind,
    applications,
    content,
    refusals,
    threads,
    values,
)

KINDS: list[Kind] = [
    kind for module in (values, content, refusals, applications, threads) for kind in module.KINDS
]


@contextlib.contextmanager
def serving_app(app: Any) -> Iterator[httpx.Client]:
    """Serves an application on a real port, by the web server that BentoML's workers use.

    In this process: several services, one after another, are more than `bentoml serve` asks for,
    and many times as fast.
    """
    config = uvicorn.Config(app, log_config=None, server_header=False, lifespan="on")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), 20, "it did not start")
            assert thread.is_alive(), "it ended at its start"
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            # The web server ends a connection after an exception.
            limits = httpx.Limits(max_keepalive_connections=0)
            with httpx.Client(base_url=url, timeout=20, limits=limits) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(20)


def answers(kind: Kind, service_class: type) -> list[httpx.Response]:
    """What a service answers, served by a class.

    The stock class can count the requests of one service alone in a process, so it counts none.
    """
    decorate = functools.partial(
        bentoml.service,
        service_class=service_class,
        metrics={"enabled": service_class is ModelService},
    )
    with serving_app(kind.make(decorate).to_asgi()) as client:
        return [client.request(one.method, one.path, **one.options) for one in kind.asks]


# Each answer's own: when and under which id it was made, and how its body is framed.
VOLATILE = {
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
    "x-bentoml-request-id",
    "x-request-id",
}


def lacking(ours: httpx.Response, stock: httpx.Response) -> dict[str, str]:
    """Headers of the stock class's answer that ours lacks, or tells otherwise."""
    return {
        name: value
        for name, value in stock.headers.items()
        if name not in VOLATILE and ours.headers.get(name) != value
    }


def content_of(response: httpx.Response) -> Any:
    """The body: JSON as a value, anything else as it is."""
    if response.headers.get("content-type") == "application/json":
        return response.json()
    return response.content
