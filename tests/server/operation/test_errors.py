"""Errors of the model, and refusals of an API."""

import uuid

import httpx
import pytest

from tests.server.operation.driving import Servers
from tests.server.watching import wait


@pytest.mark.parametrize(
    ("path", "body", "exception"),
    [
        ("/pick", {"rows": [{"value": 1, "fail": True}]}, "ValueError: a secret"),
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
