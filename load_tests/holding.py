"""How long one request holds the event loop up: `python -m load_tests.holding` asks the worst.

The worker's application runs in this process, with the models of the store. A task goes round with
its loop; the longest of its turns, in CPU time of the process, is how long everybody else waited:
for the loop, or for Python's lock where a thread reads the request. Other load of the machine does
not count.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Read when BentoML is imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from framework import Model
from framework.discovery import find_models
from framework.open_inference.tensors import BYTES, DTYPES
from serving.http.asgi import App, Headers, Message, Receive

ROWS, TRIES = 10_000, 3
_DATATYPES = {bool: "BOOL", int: "INT64", float: "FP64", str: BYTES}
Body = Callable[[], bytes]
JSON: Headers = [(b"content-type", b"application/json")]


@dataclass(frozen=True)
class Asked:
    """One request."""

    name: str
    path: str
    body: Body
    headers: Headers = field(default_factory=lambda: JSON)


def requests(model: Model[Any, Any]) -> Iterator[Asked]:
    """Yields what is asked of a model: right, and wrong in every way."""
    for name, path, body in _in_json(model):
        yield Asked(name, path, body)
    path = f"/v2/models/{model.name}/infer"
    columns, length = _binary(model)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", b"%d" % length),
    ]
    yield Asked("the most rows as binary columns", path, lambda: columns, headers)
    yield Asked("binary columns that end early", path, lambda: columns[:-1], headers)


def _binary(model: Model[Any, Any]) -> tuple[bytes, int]:
    """The most rows as binary columns, and the length of the JSON before them."""
    inputs, parts = [], []
    for name, one in model.sample[0].items():
        datatype = _DATATYPES[type(one)]
        if isinstance(one, str):
            part = (len(one.encode()).to_bytes(4, "little") + one.encode()) * ROWS
        else:
            part = np.full(ROWS, one, DTYPES[datatype]).tobytes()
        size = {"binary_data_size": len(part)}
        inputs.append({"name": name, "shape": [ROWS], "datatype": datatype, "parameters": size})
        parts.append(part)
    outputs = {"binary_data_output": True}
    head = json.dumps({"inputs": inputs, "parameters": outputs}).encode()
    return head + b"".join(parts), len(head)


def _in_json(model: Model[Any, Any]) -> Iterator[tuple[str, str, Body]]:
    predict, infer = f"/{model.name}/predict", f"/v2/models/{model.name}/infer"
    row = json.dumps(model.sample[0]).encode()
    keys = b",".join(b'"k%d":1' % number for number in range(1_200_000))

    def rows(one: bytes, times: int, last: bytes | None = None) -> bytes:
        content = b",".join([one] * times + [last or one])
        return b'{"%s": [%s]}' % (model.rows.encode(), content)

    def columns(**changes: Any) -> bytes:
        inputs = [
            {"name": name, "shape": [ROWS], "datatype": _DATATYPES[type(one)], "data": [one] * ROWS}
            for name, one in model.sample[0].items()
        ]
        return json.dumps({"inputs": [{**inputs[0], **changes}, *inputs[1:]]}).encode()

    def tensor(member: bytes) -> bytes:
        return b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", %s}]}' % member

    yield "the most rows", predict, lambda: rows(row, ROWS - 1)
    if model.explanation is not None:
        yield "the most explanations", f"/{model.name}/explain", lambda: rows(row, ROWS - 1)
    yield "the last row wrong", predict, lambda: rows(row, ROWS - 2, b"{}")
    yield "empty rows", predict, lambda: rows(b"{}", ROWS - 1)
    yield "too many rows", predict, lambda: rows(b"{}", 5_000_000)
    yield "too many rows, all right", predict, lambda: rows(row, 15_000_000 // (len(row) + 1))
    yield "rows that are none", predict, lambda: rows(b"1", 7_000_000)
    yield "an end that is missing", predict, lambda: rows(b"{}", 5_000_000)[:-1]
    yield "keys of a row", predict, lambda: rows(b"{" + keys + b"}", 0)
    yield "keys of the request", predict, lambda: b"{" + keys + b"}"
    yield "a list for a value", predict, lambda: rows(b'{"x": [1%s]}' % (b",1" * 7_000_000), 0)
    yield "the most rows as tensors", infer, columns
    yield "tensors wrong in every row", infer, lambda: columns(data=[None] * ROWS)
    yield "keys of parameters", infer, lambda: tensor(b'"parameters": {' + keys + b"}")
    yield "values", infer, lambda: tensor(b'"data": [1%s]' % (b",1" * 7_000_000))
    yield "lists for values", infer, lambda: tensor(b'"data": [[]%s]' % (b",[]" * 4_000_000))
    yield "inputs", infer, lambda: b'{"inputs": [{}%s]}' % (b",{}" * 3_000_000)


async def longest_turn(
    app: App, path: str, body: bytes, headers: Headers = JSON
) -> tuple[int, float]:
    """Returns the status of an answer, and the CPU seconds of the longest turn until it came."""
    longest = 0.0
    answered: list[int] = []

    async def go_round() -> None:
        nonlocal longest
        while not answered:
            began = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - began)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    headers = [*headers, (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": path}
    request = {"type": "http.request", "body": body, "more_body": False}
    await asyncio.gather(go_round(), app({**scope, "headers": headers}, _giving(request), send))
    return answered[0], longest


def _giving(message: Message) -> Receive:
    """A `receive` that gives one message, and then waits."""
    messages = [message]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    return receive


@contextlib.asynccontextmanager
async def _started(app: App) -> AsyncIterator[None]:
    """Starts the worker, and ends it."""
    given: asyncio.Queue[Message] = asyncio.Queue()
    said: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {}, "state": {}}
    living = asyncio.ensure_future(app(scope, given.get, said.put))
    for step in ("startup", "shutdown"):
        await given.put({"type": f"lifespan.{step}"})
        message = await said.get()
        if message["type"] != f"lifespan.{step}.complete":
            raise RuntimeError(message.get("message"))
        if step == "startup":
            yield
    await living


async def _main() -> None:
    # Read when the service is; whoever imports this module starts servers of other ports.
    os.environ.setdefault("MODEL_SERVER_GRPC_PORT", "0")
    from service import ModelServer

    app: App = ModelServer.to_asgi()  # type: ignore[attr-defined]
    async with _started(app):
        for model in find_models().values():
            for one in requests(model):
                body = one.body()
                tries = range(TRIES)
                found = [await longest_turn(app, one.path, body, one.headers) for _ in tries]
                turn, size = min(seconds for _, seconds in found) * 1e3, len(body) / 1e6
                shown = f"{one.path:30} {one.name:32} {size:5.1f} MB"
                print(f"{shown}  {found[0][0]}  {turn:6.1f} ms")


if __name__ == "__main__":
    asyncio.run(_main())
