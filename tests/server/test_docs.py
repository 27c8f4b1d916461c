"""The documentation: one OpenAPI document, two pages, no other host."""

import json
from collections.abc import Iterator

import httpx
import pytest
from openapi_spec_validator import validate
from playwright.sync_api import Page, sync_playwright

from tests.processes import Server
from tests.tools import require_tool


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


def test_the_document_is_valid_openapi_and_complete(client: httpx.Client) -> None:
    document = client.get("/docs.json").json()

    validate(document)
    # Those of `/v2` are exercised, one by one, by the tests of Open Inference.
    assert {path for path in document["paths"] if not path.startswith("/v2")} == {
        "/attrition/predict",
        "/attrition/explain",
        "/topics/predict",
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
    assert schemas["Employee"]["properties"]["salary"]["enum"] == ["low", "medium", "high"]
    assert schemas["EmployeesRequest"]["properties"]["employees"]["maxItems"] == 10_000
    assert schemas["ErrorBody"]["required"] == ["error", "code", "detail", "request_id"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "sight"),
    [
        ("/", "#operations-Predictions-predict_attrition"),
        ("/redoc", "h2:has-text('Predict Attrition')"),
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
