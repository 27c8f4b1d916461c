"""Running the server: stopping, time-outs, overload, lost workers, metrics, options."""

import contextlib
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import bentoml
import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.cases import EMPLOYEE
from tests.processes import Server, wait_until

TOY, REAL = "tests.server.toy_service:Toy", "service:ModelServer"
DEADLINE_SECONDS = 15
ORIGIN = "https://console.example"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
QUEUE_ROWS = 8
TIMEOUT_SECONDS = 0.8

CONFIGURATION = f"""
services:
  toy:
    http:
      cors:
        enabled: true
        access_control_allow_origins: ["{ORIGIN}"]
        access_control_allow_methods: ["POST"]
        access_control_expose_headers: ["X-Request-ID"]
    tracing:
      exporter_type: in_memory
      sample_rate: 1.0
"""


@dataclass(frozen=True)
class Servers:
    """The servers of this module, each started once."""

    small: Server
    """The toy with room for few rows."""

    hasty: Server
    """The toy with a short time-out."""

    watched: Server
    """The toy with access log, CORS and tracing."""

    twins: Server
    """The real service with two workers."""


@pytest.fixture(scope="module")
def servers(
    stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    """Starts all servers side by side."""
    configuration = tmp_path_factory.mktemp("configuration") / "bentoml.yaml"
    configuration.write_text(CONFIGURATION)
    rows = str(QUEUE_ROWS)
    environments: dict[str, dict[str, str]] = {
        "small": {"MODEL_SERVER_MAX_ROWS": rows, "MODEL_SERVER_MAX_QUEUE_ROWS": rows},
        "hasty": {"MODEL_SERVER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)},
        "watched": {"MODEL_SERVER_ACCESS_LOG": "true", "BENTOML_CONFIG": str(configuration)},
        "twins": {},
    }
    with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:

        def start(name: str) -> Server:
            target, workers = (REAL, 2) if name == "twins" else (TOY, 1)
            return stack.enter_context(
                Server.start(target, workers=workers, environment=environments[name])
            )

        starting = {name: pool.submit(start, name) for name in environments}
        yield Servers(**{name: server.result() for name, server in starting.items()})


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that take their time."""
    with ThreadPoolExecutor(32) as pool:
        yield pool


def sleep(server: Server, name: str, seconds: float, rows: int = 1) -> httpx.Response:
    """Sends rows that take the model some time."""
    content = [{"value": row, "name": name, "sleep": seconds} for row in range(rows)]
    return httpx.post(f"{server.url}/sleep", json={"rows": content}, timeout=30)


def computed(server: Server) -> list[str]:
    """Names of all rows that reached the model, in order."""
    batches = httpx.post(f"{server.url}/recorded", json={}, timeout=30).json()
    return [name for batch in batches for name in batch["names"]]


def wait(condition: Callable[[], bool], what: str) -> None:
    """Polls until a condition is true."""
    wait_until(condition, DEADLINE_SECONDS, what)


def start_sleeping(
    server: Server, background: ThreadPoolExecutor, seconds: float
) -> Future[httpx.Response]:
    """Occupies the model; returns when it is occupied."""
    name = uuid.uuid4().hex
    sleeping = background.submit(sleep, server, name, seconds)
    wait(lambda: name in computed(server), "the model was not occupied")
    return sleeping


Labels = Mapping[str, str]


class Scrape:
    """The samples of `/metrics` at one moment."""

    def __init__(self, server: Server) -> None:
        text = httpx.get(f"{server.url}/metrics", timeout=30).text
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Sum of a metric over all samples with these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self, label: str) -> set[str]:
        """All values of a label."""
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


def queued_rows(server: Server) -> float:
    """Rows waiting for the slow API."""
    return Scrape(server).total("model_server_queue_rows", route="/sleep")


# --- Stopping -------------------------------------------------------------------------------


def test_readiness_fails_first_and_requests_end_before_the_server_does(
    background: ThreadPoolExecutor,
) -> None:
    drain_seconds, request_seconds, margin_seconds = 2.0, 3.5, 6.0
    environment = {"MODEL_SERVER_DRAIN_SECONDS": str(drain_seconds)}
    with Server.start(TOY, environment=environment) as server, httpx.Client() as idle:
        assert idle.get(f"{server.url}/livez").status_code == 200
        sleeping = start_sleeping(server, background, request_seconds)
        terminated = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        def unready() -> bool:
            response = httpx.get(f"{server.url}/readyz", timeout=5)
            return response.status_code == 503 and response.json()["code"] == "unavailable"

        wait_until(unready, drain_seconds, "readiness did not fail")
        for open_inference in ("/v2/health/ready", "/v2/models/any/ready"):
            assert httpx.get(server.url + open_inference, timeout=5).status_code == 503
        predicted = httpx.post(f"{server.url}/double", json={"rows": [{"value": 2}]}, timeout=5)
        assert predicted.json() == [{"value": 4, "name": ""}]
        assert httpx.get(f"{server.url}/livez", timeout=5).status_code == 200

        response = sleeping.result()
        assert (response.status_code, response.json()) == (200, [0])
        # The client that keeps its idle connection open does not hold the server up.
        limit = drain_seconds + request_seconds + margin_seconds
        assert server.process.wait(limit) == 0
        assert drain_seconds <= time.monotonic() - terminated <= limit


def test_after_draining_nobody_listens() -> None:
    environment = {"MODEL_SERVER_DRAIN_SECONDS": "0.3"}
    with Server.start(TOY, environment=environment) as server, httpx.Client() as kept:
        url, body = f"{server.url}/double", {"rows": [{"value": 2}]}
        server.process.send_signal(signal.SIGTERM)
        statuses: list[int] = []

        def closed() -> bool:
            try:
                statuses.append(kept.post(url, json=body, timeout=5).status_code)
            except httpx.TransportError:
                return True
            return False

        # Until it is closed, a connection in use is answered as ever.
        wait(closed, "the connection stayed open")
        assert set(statuses) == {200}
        assert server.process.wait(DEADLINE_SECONDS) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.post(url, json=body)


# --- Time-outs, overload, clients that leave ------------------------------------------------


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


# --- Errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "exception"),
    [
        ("/pick", {"rows": [{"value": 1, "fail": True}]}, "ValueError: a secret"),
        ("/crash", {"name": "Ann"}, "LookupError: a secret"),
        ("/mistype", {"rows": [{"value": 1, "name": "secret"}]}, "ValidationError"),
        ("/lose", {"rows": [{"value": 1}]}, "ValueError: 0 answers came back for 1 rows"),
    ],
)
def test_a_bug_is_logged_in_full_and_told_in_one_sentence(
    servers: Servers, path: str, body: object, exception: str
) -> None:
    own_id = f"bug-{uuid.uuid4().hex}"

    response = httpx.post(servers.small.url + path, json=body, headers={"X-Request-ID": own_id})

    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.json()["request_id"] == own_id
    assert "secret" not in response.text
    wait(lambda: own_id in servers.small.output(), "the request id was not logged")
    assert exception in servers.small.output()
    assert "Traceback" in servers.small.output()


def test_an_api_may_refuse_in_its_own_words(servers: Servers) -> None:
    response = httpx.post(f"{servers.small.url}/pick", json={"rows": [{"value": 1, "name": "bad"}]})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert "a bad name is not allowed" in response.json()["error"]


# --- Metrics --------------------------------------------------------------------------------


def test_metrics_are_sums_over_the_workers(
    servers: Servers, stored_models: dict[str, bentoml.Model], background: ThreadPoolExecutor
) -> None:
    server, count, rows = servers.twins, 120, 3
    tag, route = str(stored_models["attrition"].tag), "/attrition/predict"
    before = Scrape(server)

    def predict(number: int) -> int:
        # A connection of its own each, so that both workers get some.
        employees = [EMPLOYEE] * rows if number % 10 else [{**EMPLOYEE, "salary": "huge"}]
        return httpx.post(server.url + route, json={"employees": employees}).status_code

    statuses = list(background.map(predict, range(count)))
    valid = statuses.count(200)
    assert {status: statuses.count(status) for status in (200, 400)} == {
        200: count * 9 // 10,
        400: count // 10,
    }

    after = before

    def counted(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    def complete() -> bool:
        nonlocal after
        after = Scrape(server)
        return counted("model_server_requests_total", route=route) >= count

    wait_until(complete, 5, "not all requests were counted")
    ours = {"route": route, "model": tag}
    requests = {**ours, "protocol": "http"}
    bentomls = {"endpoint": route, "runner_name": "model_server"}
    for status, expected in ((200, valid), (400, count - valid)):
        labels = {**requests, "status": str(status)}
        assert counted("model_server_requests_total", **labels) == expected
        assert counted("model_server_request_seconds_count", **labels) == expected
        assert counted("model_server_request_seconds_bucket", **labels, le="+Inf") == expected
        assert 0 < counted("model_server_request_seconds_sum", **labels) < 60
        labels = {**bentomls, "http_response_code": str(status)}
        assert counted("bentoml_service_request_total", **labels) == expected
        assert counted("bentoml_service_request_duration_seconds_count", **labels) == expected
    assert counted("model_server_requests_total", route=route) == count
    assert counted("model_server_queue_wait_seconds_count", **ours) == valid
    assert counted("model_server_queue_wait_seconds_bucket", **ours, le="+Inf") == valid
    assert counted("model_server_batch_rows_sum", **ours) == valid * rows
    batches = counted("model_server_batch_rows_count", **ours)
    assert 1 <= batches <= valid
    assert counted("model_server_batch_rows_bucket", **ours, le="2.0") == 0
    assert after.total("model_server_queue_rows") == 0
    assert after.total("bentoml_service_request_in_progress", endpoint=route) == 0


def test_a_scanner_makes_no_series(servers: Servers) -> None:
    server = servers.twins
    with httpx.Client(base_url=server.url) as client:
        client.get("/models/attrition")
        client.get("/nothing-here")
        wait_until(
            lambda: (
                {"unmatched", "/models/{name}"} <= Scrape(server).values("route")
                and Scrape(server).total("model_server_requests_total", route="/metrics") > 0
            ),
            5,
            "requests were not counted",
        )
        before = Scrape(server)
        for _ in range(100):
            assert client.get(f"/{uuid.uuid4().hex}").status_code == 404
            client.get(f"/models/{uuid.uuid4().hex}")

        def unmatched() -> float:
            name = "model_server_requests_total"
            labels = {"route": "unmatched", "status": "404"}
            return Scrape(server).total(name, **labels) - before.total(name, **labels)

        wait_until(lambda: unmatched() >= 100, 5, "requests were not counted")
        assert unmatched() == 100
        after = Scrape(server)
        for label in ("route", "endpoint"):
            assert after.values(label) == before.values(label)


# --- Lost workers ---------------------------------------------------------------------------


def worker_pids(server: Server) -> set[int]:
    """Process ids of the workers."""
    pids = set()
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any("worker" in part for part in child.cmdline()):
                pids.add(child.pid)
    return pids


class Load:
    """Clients that send requests one after the other, and judge every answer."""

    def __init__(self, server: Server, clients: int) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self.lost: list[float] = []
        self._server = server
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        employees = [{**EMPLOYEE, "average_monthly_hours": 96 + 20 * n} for n in range(clients)]
        self._bodies = [{"employees": [employee]} for employee in employees]
        self._expected = [self._post(httpx, body) for body in self._bodies]
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]

    def _post(self, client: Any, body: object) -> tuple[int, str, Any]:
        response = client.post(f"{self._server.url}/attrition/predict", json=body, timeout=10)
        return response.status_code, response.headers.get("X-Model-Tag"), response.json()

    def _run(self, number: int) -> None:
        with httpx.Client() as client:
            while not self._stopping.is_set():
                try:
                    answer = self._post(client, self._bodies[number])
                except httpx.TransportError:
                    with self._lock:
                        self.lost.append(time.monotonic())
                    continue
                with self._lock:
                    if answer == self._expected[number]:
                        self.right += 1
                    else:
                        self.wrong.append(str(answer))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Waits for this many further right answers."""
        goal = self.right + answers
        wait(lambda: self.right >= goal, "the load did not go on")


def test_a_killed_worker_costs_its_requests_under_way_and_is_replaced(servers: Servers) -> None:
    server, clients = servers.twins, 6
    before = worker_pids(server)
    assert len(before) == 2
    with Load(server, clients) as load:
        load.wait_for(200)
        victim = psutil.Process(min(before))
        killed = time.monotonic()
        victim.kill()
        load.wait_for(200)
        wait_until(
            lambda: len(worker_pids(server) - {victim.pid}) == 2, 30, "nobody replaced the worker"
        )
        wait_until(server.is_ready_or_dead, 30, "the server was not ready again")
        load.wait_for(200)

    assert load.wrong == []
    assert len(load.lost) <= clients
    assert all(0 <= lost - killed < 2 for lost in load.lost)
    assert before - {victim.pid} <= worker_pids(server)
    # The dead one is not waited for by those who read the metrics.
    assert Scrape(server).total("model_server_queue_rows") == 0


# --- What is optional -----------------------------------------------------------------------


def test_the_access_log_has_the_fast_path(servers: Servers) -> None:
    body = {"rows": [{"value": 1}]}

    assert httpx.post(f"{servers.watched.url}/double", json=body).status_code == 200
    assert httpx.post(f"{servers.watched.url}/double", json=[]).status_code == 400

    def logged(status: int) -> bool:
        pattern = rf"POST[^\n]*/double[^\n]*status={status}"
        return re.search(pattern, servers.watched.output()) is not None

    wait(lambda: logged(200) and logged(400), "the requests were not logged")


def test_without_the_setting_there_is_no_access_log(servers: Servers) -> None:
    assert httpx.post(f"{servers.hasty.url}/double", json={"rows": []}).status_code == 200

    assert "/double" not in servers.hasty.output()


def test_cors_has_the_fast_path(servers: Servers) -> None:
    url = f"{servers.watched.url}/double"
    asking = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    preflight = httpx.options(url, headers=asking)
    foreign = httpx.options(url, headers={**asking, "Origin": "https://elsewhere.example"})
    answered = httpx.post(url, json={"rows": []}, headers={"Origin": ORIGIN})
    refused = httpx.post(url, json=[], headers={"Origin": ORIGIN})

    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Origin" not in foreign.headers
    for response, status in ((answered, 200), (refused, 400)):
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert response.headers["Access-Control-Expose-Headers"] == "X-Request-ID"
    assert refused.json()["code"] == "invalid_input"


def test_requests_of_the_fast_path_are_traced(servers: Servers) -> None:
    # No exporter is installed; the access log names the trace that a request's span belongs to.
    response = httpx.post(
        f"{servers.watched.url}/double",
        json={"rows": [{"value": 1}]},
        headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )

    assert response.status_code == 200
    wait(
        lambda: bool(re.search(rf"/double[^\n]*trace={TRACE}", servers.watched.output())),
        "the request was not traced",
    )
