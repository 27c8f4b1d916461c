"""Logs: JSON or text, with what is known of each request, on the console and in a file."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import Server
from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.rpc.calling import Toy, toy
from tests.server.watching import wait

Line = dict[str, Any]
WORKERS = 2


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Toy, Path]]:
    """A server of two workers that logs every request, and its file."""
    path = tmp_path_factory.mktemp("logs") / "server.log"
    settings = {
        "ACCESS_LOG": "true",
        "LOG_FILE": str(path),
        "WORKERS": str(WORKERS),
        "DRAIN_SECONDS": "0",
    }
    with toy(**{f"MODEL_SERVER_{name}": value for name, value in settings.items()}) as started:
        yield started, path


def lines(text: str) -> list[Line]:
    """What was logged, line by line."""
    return [json.loads(line) for line in text.splitlines()]


def line_of(text: str, request_id: str, message: str) -> Line:
    """The line that says this of a request."""
    (found,) = [
        line
        for line in lines(text)
        if line.get("request_id") == request_id and re.search(message, line["message"])
    ]
    return found


def has_line(server: Server, request_id: str) -> bool:
    """Whether a request has been logged."""
    return f'"request_id":"{request_id}"' in server.output()


def test_every_line_is_json_on_the_console_and_in_the_file(logged: tuple[Toy, Path]) -> None:
    server, path = logged[0].server, logged[1]
    wait(lambda: server.output().count("initialized") == WORKERS, "a worker did not start")

    console, file = lines(server.output()), lines(path.read_text("utf-8"))

    assert {line["process"].rpartition(":")[2] for line in console} >= {"cli", "1", "2"}
    assert {line["message"] for line in file} >= {"Service rpc_toy initialized"}
    for line in (*console, *file):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["time"])
        assert line["level"] in {"INFO", "WARNING", "ERROR"}
        assert line["logger"]
    assert path.stat().st_mode & 0o077 == 0


def test_each_request_has_its_line(logged: tuple[Toy, Path]) -> None:
    server, own_id = logged[0].server, f"asked-{uuid.uuid4().hex}"

    answer = httpx.post(
        f"{server.url}/toy/sleep",
        json={"rows": [{"name": "x"}]},
        headers={"X-Request-ID": own_id},
    )

    assert answer.status_code == 200
    wait(lambda: has_line(server, own_id), "the request was not logged")
    line = line_of(server.output(), own_id, "^POST /toy/sleep 200$")
    assert (
        line.items()
        >= {
            "route": "/toy/sleep",
            "protocol": "http",
            "model": "",
            "status": 200,
            "code": "",
        }.items()
    )
    assert 0 < line["milliseconds"] < 30_000
    assert line["client"].startswith("127.0.0.1:")
    assert "x" not in line.values()


def test_each_call_has_its_line(logged: tuple[Toy, Path]) -> None:
    started, own_id = logged[0], f"called-{uuid.uuid4().hex}"
    stub = toy_pb2_grpc.ToyServiceStub(started.channel)
    method = "/toy.v1.ToyService/Sleep"

    stub.Sleep(
        toy_pb2.RowsRequest(rows=[{"name": "x"}]), metadata=[("x-request-id", own_id)], timeout=30
    )

    wait(lambda: has_line(started.server, own_id), "the call was not logged")
    line = line_of(started.server.output(), own_id, "Sleep 200$")
    assert line.items() >= {"route": method, "protocol": "grpc", "status": 200}.items()
    assert "127.0.0.1:" in line["client"]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_failure_says_where_it_was(logged: tuple[Toy, Path], protocol: str) -> None:
    started, own_id = logged[0], f"bug-{uuid.uuid4().hex}"
    if protocol == "http":
        route = "/toy/fail"
        httpx.post(
            started.server.url + route,
            json={"rows": [{"name": "x"}]},
            headers={"X-Request-ID": own_id},
        )
    else:
        route = "/toy.v1.ToyService/Fail"
        request = toy_pb2.RowsRequest(rows=[{"name": "x"}])
        call = toy_pb2_grpc.ToyServiceStub(started.channel).Fail.future(
            request, metadata=[("x-request-id", own_id)], timeout=30
        )
        assert call.exception()

    wait(lambda: f"Request {own_id} failed" in started.server.output(), "the bug was not logged")
    wait(lambda: f"{route} 500" in started.server.output(), "the request was not logged")
    for message in ("failed$", " 500$|Fail 500$"):
        line = line_of(started.server.output(), own_id, message)
        assert line.items() >= {"route": route, "protocol": protocol, "code": "internal"}.items()
    failure = line_of(started.server.output(), own_id, "failed$")
    assert failure["level"] == "ERROR"
    assert "ValueError: a secret of the implementation" in failure["exception"]


def test_a_path_cannot_forge_a_line(logged: tuple[Toy, Path]) -> None:
    server, own_id = logged[0].server, f"forged-{uuid.uuid4().hex}"

    httpx.get(f'{server.url}/%0a{{"level":"ERROR"}}%1b[31m', headers={"X-Request-ID": own_id})

    wait(lambda: has_line(server, own_id), "the request was not logged")
    line = line_of(server.output(), own_id, "404$")
    assert line["message"] == 'GET /\\n{"level":"ERROR"}\\x1b[31m 404'
    assert line["route"] == "unmatched"


def test_text_has_the_same_behind_the_message() -> None:
    settings = {"LOG_FORMAT": "text", "ACCESS_LOG": "true", "LOG_LEVEL": "info"}
    own_id = f"asked-{uuid.uuid4().hex}"
    with toy(**{f"MODEL_SERVER_{name}": value for name, value in settings.items()}) as started:
        url = f"{started.server.url}/toy/fail"
        httpx.post(url, json={"rows": [{"name": "x"}]}, headers={"X-Request-ID": own_id})
        wait(lambda: "/toy/fail 500" in started.server.output(), "the request was not logged")
        output = started.server.output()

    told = f"(request_id={own_id}, route=/toy/fail, protocol=http, code=internal)"
    assert f"Request {own_id} failed {told}" in output
    assert re.search(rf"POST /toy/fail 500 \(request_id={own_id}, route=/toy/fail", output)
    assert "Traceback" in output


def test_the_level_can_be_raised() -> None:
    with toy(MODEL_SERVER_LOG_LEVEL="error") as started:
        httpx.get(f"{started.server.url}/nothing")
        assert "initialized" not in started.server.output()


def test_a_file_that_cannot_be_written_is_told_in_a_sentence() -> None:
    server = Server("tests.server.rpc_toy:RpcToy", {"MODEL_SERVER_LOG_FILE": "/proc/server.log"})
    with server:
        assert server.process.wait(60)
        output = server.output()

    assert "MODEL_SERVER_LOG_FILE (/proc/server.log) cannot be written: No such file" in output
    assert "Traceback" not in output
