"""Promotions and roll-backs under load: does a request fail, or get another version's answer?

Two versions of the primary model are trained into a home of its own, and promoted in turn by the
registry's command line, while processes ask over HTTP and gRPC without a pause. Every answer is
compared with what the version that it names says to the same row by itself.
"""

import argparse
import http.client
import json
import math
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Any

# Read when BentoML is imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
if __name__ == "__main__":
    os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="swaps-home-")

import bentoml
import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from rich.console import Console
from rich.table import Table

import training
from deploy.processes import Child, free_port, is_ready
from framework.adapters.bentoml import WORKER_MODULE
from load_tests import data
from load_tests.reference import TOLERANCE, Expected
from load_tests.roles import PRIMARY
from registry.__main__ import main as registry
from serving.grpc.typed import method_path, methods_of

VERSIONS = ("v1", "v2")
ROWS = 200
SETTLING_SECONDS, PAUSE_SECONDS = 5.0, 1.0
MOST_GROWTH = 1.05
PROCESSES = {"http": 1, "grpc": 1}
_TIMEOUT_SECONDS = 30
Row = dict[str, Any]
Ask = Callable[[Row], tuple[str, Row]]
"""Asks about a row; returns the tag that the answer names, and the answer."""


@dataclass
class Seen:
    """What one process was answered.

    Attributes:
        answers: Tag that an answer named → how many did.
        problems: What was wrong.
    """

    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Server(Child):
    """The server under load, with two workers."""

    def __init__(self) -> None:
        self.port, self.grpc_port = free_port(), free_port()
        super().__init__(
            [sys.executable, "-m", "bentoml", "serve", "--port", str(self.port)],
            {
                "MODELS": PRIMARY.name,
                "MODEL_SERVER_GRPC_PORT": str(self.grpc_port),
                "MODEL_SERVER_WORKERS": "2",
            },
        )
        self.wait_until(lambda: is_ready(f"http://127.0.0.1:{self.port}"), 60, "it was not ready")

    def resident(self) -> list[int]:
        """Resident bytes of each worker."""
        workers = (one for one in self.family() if WORKER_MODULE in " ".join(one.cmdline()))
        return sorted(one.memory_info().rss for one in workers)


def _over_http(server: tuple[int, int], stack: ExitStack) -> Ask:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=_TIMEOUT_SECONDS)
    stack.enter_context(closing(connection))

    def ask(row: Row) -> tuple[str, Row]:
        body = json.dumps({PRIMARY.rows: [row]})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/{PRIMARY.name}/predict", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{answer.status}: {content!r}")
        return str(answer.headers["x-model-tag"]), json.loads(content)[0]

    return ask


def _over_grpc(server: tuple[int, int], stack: ExitStack) -> Ask:
    assert PRIMARY.descriptor is not None
    method = next(one for one in methods_of([PRIMARY.descriptor]) if one.name == "Predict")
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server[1]}"))
    call: Any = channel.unary_unary(method_path(method), lambda message: message)
    (answers,) = method.output_type.fields

    def ask(row: Row) -> tuple[str, Row]:
        known = {name: value for name, value in row.items() if value is not None}
        content = request(**{PRIMARY.rows: [known]}).SerializeToString()
        answer, done = call.with_call(content, timeout=_TIMEOUT_SECONDS)
        message = response.FromString(answer)
        told = MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return dict(done.trailing_metadata())["x-model-tag"], told[answers.name][0]

    return ask


_WAYS = {"http": _over_http, "grpc": _over_grpc}


def _ask(
    way: str,
    server: tuple[int, int],
    rows: list[Row],
    expected: dict[str, list[Row]],
    begun: Barrier,
    ended: Event,
    results: "Queue[tuple[str, Seen]]",
) -> None:
    """Asks until the end, in a process of its own."""
    seen = Seen()
    choice = random.Random(os.getpid())  # noqa: S311 - rows, not secrets
    with ExitStack() as stack:
        ask = _WAYS[way](server, stack)
        begun.wait()
        while not ended.is_set():
            at = choice.randrange(len(rows))
            try:
                tag, answer = ask(rows[at])
            except Exception as error:  # noqa: BLE001 - each is a failure
                seen.problems.append(f"{type(error).__name__}: {error}")
                continue
            seen.answers[tag] += 1
            if not _same(answer, expected[tag][at]):
                seen.problems.append(f"{tag}: {answer} instead of {expected[tag][at]}")
    results.put((way, seen))


def _same(answer: Row, expected: Row) -> bool:
    return answer.keys() == expected.keys() and all(
        math.isclose(value, answer[name], rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        if isinstance(value, float)
        else value == answer[name]
        for name, value in expected.items()
    )


@contextmanager
def _asking(
    server: Server, rows: list[Row], expected: dict[str, list[Row]]
) -> Iterator[list[tuple[str, Seen]]]:
    """Asks as long as the block runs; the list is filled at its end."""
    found: list[tuple[str, Seen]] = []
    context = multiprocessing.get_context("spawn")
    ended, results = context.Event(), context.Queue()
    ports = (server.port, server.grpc_port)
    begun = context.Barrier(1 + sum(PROCESSES.values()))
    processes = [
        context.Process(target=_ask, args=(way, ports, rows, expected, begun, ended, results))
        for way, count in PROCESSES.items()
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        begun.wait(_TIMEOUT_SECONDS)
        yield found
    finally:
        ended.set()
        found += [results.get(timeout=60) for _ in processes]
        for process in processes:
            process.join()


def _train(options: argparse.Namespace) -> tuple[list[Row], dict[str, list[Row]]]:
    """Trains the versions; returns rows, and what each version answers to them, by its tag."""
    rows = data.read(PRIMARY, options.data.get(PRIMARY.name)).rows[:ROWS]
    expected = {}
    for seed, version in enumerate(VERSIONS):
        training.train(PRIMARY, data=options.data.get(PRIMARY.name), tag=version, seed=seed)
        tag = f"{PRIMARY.name}:{version}"
        expected[tag] = Expected(PRIMARY, bentoml.models.get(tag)).answers(rows).dicts()
        if seed == 0:
            _registry("list")
    first, second = expected.values()
    different = [at for at in range(len(rows)) if not _same(first[at], second[at])]
    # Of an answer that both give nobody could tell whose it is.
    return (
        [rows[at] for at in different],
        {tag: [answers[at] for at in different] for tag, answers in expected.items()},
    )


def _registry(*arguments: str) -> None:
    with redirect_stdout(StringIO()):
        code = registry(arguments)
    if code:
        raise SystemExit(f"python -m registry {' '.join(arguments)} ended with {code}")


def measure(options: argparse.Namespace) -> tuple[Table, bool]:
    """Promotes in turn, under load; returns what was seen, and whether it is what is wanted."""
    rows, expected = _train(options)
    swaps: list[float] = []
    with Server() as server, _asking(server, rows, expected) as found:
        time.sleep(SETTLING_SECONDS)
        before = server.resident()
        for number in range(options.swaps):
            started = time.monotonic()
            if number % 2:
                _registry("rollback", PRIMARY.name)
            else:
                _registry("promote", f"{PRIMARY.name}:{VERSIONS[1]}", "--force", "--reason", "load")
            swaps.append(time.monotonic() - started)
            time.sleep(PAUSE_SECONDS)
        time.sleep(SETTLING_SECONDS)
        after = server.resident()
    grown = max(now / then for then, now in zip(before, after, strict=True))
    table = Table("", "seen", "wanted")
    answered = sum(seen.answers.total() for _, seen in found)
    problems = [problem for _, seen in found for problem in seen.problems]
    for way, seen in found:
        told = ", ".join(f"{tag} {count:,}" for tag, count in sorted(seen.answers.items()))
        table.add_row(f"answers over {way}", told, "")
    table.add_row("answers, all compared", f"{answered:,}", f"≥ {options.requests:,}")
    table.add_row("failed, or wrong", f"{len(problems)} {problems[:3] or ''}", "0")
    table.add_row("swaps", str(len(swaps)), "")
    table.add_row(
        "seconds from command to all workers",
        f"median {sorted(swaps)[len(swaps) // 2]:.2f}, most {max(swaps):.2f}",
        "",
    )
    sizes = [", ".join(f"{one / 2**20:.0f}" for one in workers) for workers in (before, after)]
    table.add_row("MiB of each worker", " → ".join(sizes), "")
    table.add_row("memory after / before", f"{grown:.3f}", f"≤ {MOST_GROWTH}")
    good = not problems and answered >= options.requests and grown <= MOST_GROWTH
    return table, good


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.swaps", description=__doc__)
    data.add_option(parser, "rows to send")
    parser.add_argument("--swaps", type=int, default=50, metavar="N")
    parser.add_argument(
        "--requests", type=int, default=100_000, metavar="N", help="how many there must be"
    )
    options = parser.parse_args(arguments)
    try:
        table, good = measure(options)
    finally:
        shutil.rmtree(os.environ["BENTOML_HOME"])
    Console().print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
