"""A started system: its process, its address, and the requests prepared for it."""

import contextlib
import http.client
import json
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import free_port
from load_tests.data import Data
from load_tests.processes import Process
from load_tests.reference import Reference, WrongAnswerError
from load_tests.roles import PRIMARY
from load_tests.scenarios import SCENARIOS, Rows, Scenario, requests
from load_tests.systems import Dialect, Launch, System

SAMPLE_SECONDS = 0.1
HOST = "127.0.0.1"


class Workload:
    """The prepared requests of all scenarios, in every dialect that is asked for.

    Args:
        data: The rows to send to each model.
        reference: Knows the right answers.
        folder: Where the prepared bodies are written.
    """

    def __init__(self, data: Mapping[str, Data], reference: Reference, folder: Path) -> None:
        self.reference = reference
        self.folder = folder
        self.rows_file = folder / "rows.json"
        primary = data[PRIMARY.name]
        content = {"rows": primary.rows, "target": primary.target}
        self.rows_file.write_text(json.dumps(content), encoding="utf-8")
        self._requests = {one.name: requests(one, data[one.model]) for one in SCENARIOS.values()}

    def rows(self, scenario: Scenario) -> list[Rows]:
        """The rows of each request of a scenario."""
        return self._requests[scenario.name]

    def bodies(self, system: System, scenario: Scenario) -> Path:
        """File of the bodies of a scenario for one system, one a line."""
        path = self.folder / f"{system.name}-{scenario.name}.jsonl"
        if not path.exists():
            encode = system.dialects[scenario.model].encode
            lines = (encode(rows) + "\n" for rows in self.rows(scenario))
            path.write_text("".join(lines), encoding="utf-8")
        return path


@dataclass
class Sample:
    """An answer that was taken aside to be checked."""

    scenario: Scenario
    position: int
    status: int
    content: bytes


class Running:
    """A system that has been started.

    Args:
        system: Which.
        workers: How many worker processes.
        workload: What will be asked of it.
    """

    def __init__(self, system: System, workers: int, workload: Workload) -> None:
        self.system = system
        self.workload = workload
        launch = Launch(
            free_port(),
            free_port(),
            workers,
            workload.rows_file,
            workload.folder,
            next(iter(workload.reference[PRIMARY.name].files), ""),
        )
        self.port = launch.port
        self.grpc_port = launch.grpc_port
        self.process = Process(
            system.command(launch), {**workload.reference.tags, **system.environment(launch)}
        )

    def wait_ready(self) -> None:
        """Waits until every model it serves has answered, and gRPC listens if it is spoken."""
        served = [one for one in SCENARIOS.values() if one.model in self.system.dialects]
        smallest = {one.model: one for one in reversed(served)}.values()
        self.process.wait_ready(
            lambda: all(self._answers(one) for one in smallest) and self._listens()
        )

    def _answers(self, scenario: Scenario) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask(scenario, 0, timeout=5).status == 200
        return False

    def _listens(self) -> bool:
        if self.system.grpc is None:
            return True
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.grpc_port), 1):
            return True
        return False

    def dialect(self, scenario: Scenario) -> Dialect:
        """How the scenario's model is spoken to."""
        return self.system.dialects[scenario.model]

    def url(self, scenario: Scenario) -> str:
        """Where the scenario's requests go."""
        return f"http://{HOST}:{self.port}{self.dialect(scenario).path}"

    def bodies(self, scenario: Scenario) -> Path:
        """File of the scenario's bodies."""
        return self.workload.bodies(self.system, scenario)

    def ask(self, scenario: Scenario, position: int, timeout: float = 30) -> Sample:
        """Sends one request over a connection of its own."""
        with contextlib.closing(
            http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        ) as connection:
            return self._ask(connection, scenario, position)

    def _ask(
        self, connection: http.client.HTTPConnection, scenario: Scenario, position: int
    ) -> Sample:
        dialect = self.dialect(scenario)
        body = dialect.encode(self.workload.rows(scenario)[position])
        headers = {"Content-Type": "application/json", **self.system.headers}
        connection.request("POST", dialect.path, body, headers)
        response = connection.getresponse()
        return Sample(scenario, position, response.status, response.read())

    def problem(self, sample: Sample) -> str | None:
        """What is wrong with an answer, if anything."""
        if sample.status != 200:
            return f"status {sample.status}: {sample.content[:200].decode(errors='replace')}"
        rows = self.workload.rows(sample.scenario)[sample.position]
        try:
            answer = json.loads(sample.content)
            self.dialect(sample.scenario).check(self.workload.reference, rows, answer)
        except (WrongAnswerError, AssertionError, LookupError, TypeError, ValueError) as error:
            return f"request {sample.position}: {type(error).__name__}: {error}"
        return None

    @contextlib.contextmanager
    def sampling(self, scenario: Scenario, start: int) -> Iterator[list[Sample]]:
        """Takes answers aside while the block runs: what others' batches held must not matter."""
        samples: list[Sample] = []
        ended = threading.Event()

        def sample() -> None:
            position, count = start, len(self.workload.rows(scenario))
            while True:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    samples.append(self.ask(scenario, position % count))
                position += 1
                if ended.wait(SAMPLE_SECONDS):
                    return

        thread = threading.Thread(target=sample, name="sampling")
        thread.start()
        try:
            yield samples
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def started(
    systems: list[System], workers: int, workload: Workload
) -> Iterator[dict[str, Running]]:
    """Starts systems and ends them all afterwards.

    Those whose turn it is not are idle, not stopped: a server that wakes up after a SIGSTOP takes
    the pause for its own slowness, and refuses requests for it.
    """
    running: dict[str, Running] = {}
    try:
        for system in systems:
            running[system.name] = Running(system, workers, workload)
        for one in running.values():
            one.wait_ready()
        yield running
    finally:
        for one in running.values():
            one.process.terminate()
        for one in running.values():
            one.process.wait()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for the prepared requests."""
    with tempfile.TemporaryDirectory(prefix="load-tests-") as path:
        yield Path(path)
