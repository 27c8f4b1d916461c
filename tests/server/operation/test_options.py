"""What is optional: access log, CORS, tracing."""

import re

import httpx

from tests.server.operation.driving import ORIGIN, TRACE, Servers
from tests.server.watching import wait


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
        lambda: bool(re.search(rf'/double[^\n]*"trace_id":"{TRACE}"', servers.watched.output())),
        "the request was not traced",
    )
