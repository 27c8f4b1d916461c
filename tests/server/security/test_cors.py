"""A browser's page may ask a locked server, with a key, from an origin that is configured."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import pytest

from tests.plugin import pinned
from tests.processes import Server
from tests.server.security.conftest import TARGET, Keys
from tests.server.security.test_scopes import CONNECT, GAUGES

ORIGIN, ELSEWHERE = "https://console.example", "https://elsewhere.example"
CONFIGURATION = f"""
services:
  guarded:
    http:
      cors:
        enabled: true
        access_control_allow_origins: ["{ORIGIN}"]
        access_control_allow_methods: ["GET", "POST"]
        access_control_allow_headers: ["Authorization", "Content-Type"]
"""
PATHS = ["/gauges/predict", CONNECT, "/v2/models/gauges/infer", "/greet", "/models", "/nowhere"]
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("cors") / "keys.json")


@pytest.fixture(scope="module")
def key(keys: Keys) -> str:
    """A key that may do one thing."""
    return keys.make("gauges:predict")


@pytest.fixture(scope="module")
def server(
    toy_models: dict[str, bentoml.Model],
    keys: Keys,
    key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    configuration: Path = tmp_path_factory.mktemp("configuration") / "bentoml.yaml"
    configuration.write_text(CONFIGURATION)
    environment = {
        "MODEL_SERVER_KEYS": str(keys.path),
        "BENTOML_CONFIG": str(configuration),
    }
    with contextlib.ExitStack() as stack:
        with pinned(toy_models):
            server = stack.enter_context(Server.start(TARGET, environment=environment))
        yield server


def preflight(server: Server, path: str, origin: str) -> httpx.Response:
    """Asks as a browser does before it sends a key."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return httpx.options(server.url + path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_may_ask_whether_it_may_ask(server: Server, path: str) -> None:
    allowed, refused = preflight(server, path, ORIGIN), preflight(server, path, ELSEWHERE)

    assert allowed.status_code == 200
    assert allowed.headers[ALLOWED] == ORIGIN
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert refused.status_code == 400
    assert ALLOWED not in refused.headers


@pytest.mark.parametrize("path", PATHS)
def test_no_other_request_is_let_in_as_one_of_these(server: Server, path: str) -> None:
    """Not without an origin, not without the method that would follow, and not by another verb."""
    method = {"Access-Control-Request-Method": "POST"}

    assert httpx.options(server.url + path, headers=method).status_code == 401
    assert httpx.options(server.url + path, headers={"Origin": ORIGIN}).status_code == 401
    for verb in ("GET", "POST", "PUT"):
        asked = httpx.request(verb, server.url + path, headers={"Origin": ORIGIN, **method})
        assert asked.status_code == 401


def test_a_page_reads_answers_and_refusals_from_its_own_origin_alone(
    server: Server, key: str
) -> None:
    def ask(origin: str, path: str = "/gauges/predict", **headers: str) -> httpx.Response:
        body = {GAUGES.rows: [GAUGES.sample[0]]}
        return httpx.post(server.url + path, json=body, headers={"Origin": origin, **headers})

    shown = {"Authorization": f"Bearer {key}"}
    for answer, status in (
        (ask(ORIGIN, **shown), 200),
        (ask(ORIGIN), 401),
        (ask(ORIGIN, "/greet", **shown), 403),
    ):
        assert answer.status_code == status
        assert answer.headers.get_list(ALLOWED) == [ORIGIN]
        assert answer.headers["vary"] == "Origin"
    assert ALLOWED not in ask(ELSEWHERE, **shown).headers
