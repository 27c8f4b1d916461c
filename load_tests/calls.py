"""One row over the other protocols: typed gRPC, and the same messages over Connect."""

import http.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from load_tests import h2load, wrk
from load_tests.matrix import Effort, Progress
from load_tests.reference import WrongAnswerError
from load_tests.running import HOST, Running
from load_tests.scenarios import ONE, Rows
from load_tests.systems import System

BASELINE = "fastapi-tuned"
"""Speaks plain HTTP alone, which the others are compared with."""

CONNECTIONS = 32
CHECKED = 20
PROTOBUF = "application/proto"
_TIMEOUT_SECONDS = 10
Call = Callable[[bytes], bytes]
"""Sends one message, and returns the answer."""


@dataclass(frozen=True)
class Way:
    """One system, asked for one row over one protocol, again and again."""

    system: str
    over: str
    load: Callable[[Effort, int], tuple[float, int]]
    """Returns answers a second and how many failed, in a round."""

    problems: Callable[[int], list[str]]
    """Asks for different rows, from one on, and tells of wrong answers."""

    def __str__(self) -> str:
        return f"{self.system} over {self.over}"


def is_called(system: System) -> bool:
    """Whether a system has a part in this."""
    return system.name == BASELINE or system.grpc is not None


def measure(systems: Iterable[Running], effort: Effort, progress: Progress) -> dict[str, Any]:
    """Answers a second of every way, in several rounds; each time another goes first."""
    ways = [way for one in systems if is_called(one.system) for way in _ways(one)]
    rates: dict[str, list[float]] = {str(way): [] for way in ways}
    problems = []
    for number in range(effort.rounds):
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            progress(f"round {number + 1}: {way}")
            rate, failed = way.load(effort, number)
            rates[str(way)].append(rate)
            problems += [f"{way}: {failed} failed"] * bool(failed)
            problems += [f"{way}: {one}" for one in way.problems(number * CHECKED)]
    return {"rates": rates, "checked": effort.rounds * CHECKED, "problems": problems}


def _ways(running: Running) -> list[Way]:
    name = running.system.name
    ways = []
    if name == BASELINE:
        ways.append(Way(name, "HTTP", *_plain(running)))
    if running.system.grpc is not None:
        ways.append(Way(name, "gRPC", *_grpc(running)))
    if name == "server" and _speaks_connect(running):
        ways.append(Way(name, "Connect", *_connect(running)))
    return ways


def _plain(running: Running) -> tuple[Any, Any]:
    """JSON, as in the matrix, where its answers are compared."""

    def load(effort: Effort, _: int) -> tuple[float, int]:
        return _closed(running, running.url(ONE), running.bodies(ONE), effort)

    return load, lambda _: []


def _closed(
    running: Running, url: str, bodies: Path, effort: Effort, content_type: str = wrk.JSON
) -> tuple[float, int]:
    wrk.run(url, bodies, CONNECTIONS, effort.warm_up, content_type=content_type)
    seen = wrk.run(url, bodies, CONNECTIONS, effort.seconds, content_type=content_type)
    running.process.require_running()
    return seen.rate, seen.failed


def _grpc(running: Running) -> tuple[Any, Any]:
    dialect = running.system.grpc
    assert dialect is not None

    def load(effort: Effort, number: int) -> tuple[float, int]:
        message = dialect.encode(running.workload.rows(ONE)[number])
        folder = running.workload.folder
        called = h2load.run(running.grpc_port, dialect.path, message, folder, effort.seconds)
        return called.rate, called.failed

    def problems(start: int) -> list[str]:
        with grpc.insecure_channel(f"{HOST}:{running.grpc_port}") as channel:
            call: Callable[..., bytes] = channel.unary_unary(dialect.path)
            return _wrong(running, start, lambda sent: call(sent, timeout=_TIMEOUT_SECONDS))

    return load, problems


def _connect(running: Running) -> tuple[Any, Any]:
    dialect = running.system.grpc
    assert dialect is not None
    bodies = running.workload.folder / f"{running.system.name}-connect.hex"
    requests = running.workload.rows(ONE)
    bodies.write_text("".join(f"{dialect.encode(one).hex()}\n" for one in requests), "ascii")
    url = f"http://{HOST}:{running.port}{dialect.path}"

    def load(effort: Effort, _: int) -> tuple[float, int]:
        return _closed(running, url, bodies, effort, PROTOBUF)

    def problems(start: int) -> list[str]:
        return _wrong(running, start, lambda sent: _posted(running, dialect.path, sent))

    return load, problems


def _posted(running: Running, path: str, message: bytes) -> bytes:
    connection = http.client.HTTPConnection(HOST, running.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, message, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswerError(f"status {response.status}: {content[:200]!r}")
    return content


def _speaks_connect(running: Running) -> bool:
    """Whether the typed messages are taken over HTTP, too."""
    if (dialect := running.system.grpc) is None:
        return False
    try:
        _posted(running, dialect.path, dialect.encode(running.workload.rows(ONE)[0]))
    except WrongAnswerError:
        return False
    return True


def _wrong(running: Running, start: int, call: Call) -> list[str]:
    dialect = running.system.grpc
    assert dialect is not None
    requests: list[Rows] = running.workload.rows(ONE)
    problems = []
    for number in range(start, start + CHECKED):
        rows = requests[number % len(requests)]
        try:
            dialect.check(running.workload.reference, rows, call(dialect.encode(rows)))
        except (grpc.RpcError, OSError, WrongAnswerError, AssertionError) as error:
            problems.append(f"call {number}: {error}")
    return problems
