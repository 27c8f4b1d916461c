"""A fast endpoint inside a middleware (here the access log) counts each request once."""

import re

import bentoml
import requests

from tests.processes import Server
from tests.server.asked import BODY, ROUTE

REQUESTS = 5


def test_requests_through_a_middleware_are_counted_once(
    stored_models: dict[str, bentoml.Model],
) -> None:
    with Server.start(environment={"MODEL_SERVER_ACCESS_LOG": "true"}) as server:
        for _ in range(REQUESTS):
            requests.post(server.url + ROUTE, json=BODY, timeout=10).raise_for_status()

        text = requests.get(f"{server.url}/metrics", timeout=10).text

    counted = re.findall(
        rf'^model_server_requests_total\{{.*route="{ROUTE}".*\}} (\S+)$', text, re.MULTILINE
    )
    assert [float(count) for count in counted] == [REQUESTS]
