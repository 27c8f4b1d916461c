"""The documentation: one OpenAPI document, two pages, no other host."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from playwright.sync_api import Page, sync_playwright

from framework import MAX_ROWS, Model
from framework.discovery import find_models
from tests.contract.cases import apis
from tests.processes import Server
from tests.server.asked import route_of
from tests.tools import require_tool

MODELS = find_models().values()
APIS = [api for model in MODELS for api in apis(model)]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a real browser."""
    executable = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def documented_categories(model: Model[Any, Any], record: dict[str, Any]) -> dict[str, list[Any]]:
    """The values that the document allows, by field, where there are so many."""
    found = {}
    for field in model.encoder.fields:
        (documented,) = (record[name] for name in field.names if name in record)
        for kind in documented.get("anyOf", [documented]):
            if "enum" in kind or "const" in kind:
                found[field.name] = kind.get("enum", [kind.get("const")])
    return found


def test_the_document_is_valid_openapi_and_complete(client: httpx.Client) -> None:
    document = client.get("/docs.json").json()

    validate(document)
    # Those of `/v2` are exercised, one by one, by the tests of Open Inference.
    assert {path for path in document["paths"] if not path.startswith("/v2")} == {
        *map(route_of, APIS),
        "/feedback",
        "/models",
        "/models/{name}",
        "/models/{name}/performance",
        "/models/{name}/args",
        "/models/{name}/args/{arg}",
        "/livez",
        "/readyz",
        "/metrics",
    }
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    schemas = document["components"]["schemas"]
    for model in MODELS:
        request = schemas[model.request.__name__]["properties"][model.rows]
        assert request["maxItems"] == MAX_ROWS
        assert request["items"] == {"$ref": f"#/components/schemas/{model.record.__name__}"}
        record = schemas[model.record.__name__]["properties"]
        assert documented_categories(model, record) == model.encoder.categories
    assert schemas["ErrorBody"]["required"] == ["error", "code", "detail", "request_id"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "sight"),
    [
        sight
        for api in APIS[:1]
        for sight in [
            ("/", f"#operations-Predictions-{api}"),
            ("/redoc", f"h2:has-text('{api.replace('_', ' ').title()}')"),
        ]
    ],
)
def test_the_pages_show_the_apis_without_another_host(
    server: Server, page: Page, path: str, sight: str
) -> None:
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(server.url + path)
    page.wait_for_selector(sight, timeout=20_000)
    page.wait_for_load_state("networkidle")

    own = (server.url, "data:", "blob:")
    assert requested
    assert [url for url in requested if not url.startswith(own)] == []
    assert complaints == []


@pytest.mark.parametrize("path", ["/", "/redoc"])
def test_no_other_page_shows_them_as_its_own(page: Page, server: Server, path: str) -> None:
    # Its own origin, even: nothing else stands in the way.
    page.goto(f"{server.url}/livez")

    with page.expect_event("framenavigated", lambda frame: frame != page.main_frame):
        page.set_content(f'<iframe src="{server.url}{path}"></iframe>')

    assert page.frames[1].url == "chrome-error://chromewebdata/"
