"""Metrics are sums over the workers, and a scanner makes none."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import bentoml
import httpx

from deploy.processes import wait_until
from tests.server.asked import BODY, MODEL, NO_RECORD, ROUTE, body_of
from tests.server.operation.driving import Servers
from tests.server.watching import Scrape


def test_metrics_are_sums_over_the_workers(
    servers: Servers, stored_models: dict[str, bentoml.Model], background: ThreadPoolExecutor
) -> None:
    server, count, rows = servers.twins, 120, 3
    tag, route = str(stored_models[MODEL.name].tag), ROUTE
    before = Scrape(server)

    def predict(number: int) -> int:
        # A connection of its own each, so that both workers get some.
        body = body_of(MODEL, BODY[MODEL.rows] * rows) if number % 10 else NO_RECORD
        return httpx.post(server.url + route, json=body).status_code

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


def test_what_alerts_watch_is_there_before_it_happens(servers: Servers) -> None:
    # A counter that is born at one has not risen, to Prometheus.
    counts = {
        (sample.name, *(sample.labels.get(label, "") for label in ("status", "reason"))): sample
        for sample in Scrape(servers.hasty).samples
        if sample.labels.get("route") == "/lengths"
    }

    for key in (
        ("model_server_requests_total", "200", ""),
        ("model_server_requests_total", "500", ""),
        ("model_server_refusals_total", "", "queue_full"),
        ("model_server_refusals_total", "", "too_late"),
    ):
        assert counts[key].value == 0


def test_metrics_tell_what_is_served_and_by_how_many(
    servers: Servers, stored_models: dict[str, bentoml.Model]
) -> None:
    scrape = Scrape(servers.twins)

    for name, model in stored_models.items():
        assert scrape.total("model_server_model_info", model=name, tag=str(model.tag)) == 1
    for name in ("model_server_workers", "model_server_workers_serving"):
        assert scrape.total(name, runner_name="model_server") == 2


def test_a_scanner_makes_no_series(servers: Servers) -> None:
    server = servers.twins
    name = "model_server_requests_total"
    labels = {"route": "unmatched", "status": "404"}
    known = Scrape(server).total(name, **labels)
    with httpx.Client(base_url=server.url) as client:
        client.get(f"/models/{MODEL.name}")
        client.get("/nothing-here")
        wait_until(
            lambda: (
                Scrape(server).total(name, **labels) > known
                and "/models/{name}" in Scrape(server).values("route")
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
            return Scrape(server).total(name, **labels) - before.total(name, **labels)

        wait_until(lambda: unmatched() >= 100, 5, "requests were not counted")
        assert unmatched() == 100
        after = Scrape(server)
        for label in ("route", "endpoint"):
            assert after.values(label) == before.values(label)


def test_requests_through_a_middleware_are_counted_once(servers: Servers) -> None:
    name, route, count = "model_server_requests_total", "/double", 5
    # The access log, which is switched on there, wraps the endpoint.
    before = Scrape(servers.watched).total(name, route=route)

    for _ in range(count):
        body = {"rows": [{"value": 2}]}
        httpx.post(servers.watched.url + route, json=body).raise_for_status()

    def counted() -> float:
        return Scrape(servers.watched).total(name, route=route) - before

    wait_until(lambda: counted() >= count, 5, "requests were not counted")
    assert counted() == count
