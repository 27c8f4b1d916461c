"""The OpenAPI document as others read it: two linters, and clients generated in two languages."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest
import requests

from deploy.processes import ROOT
from framework import Model
from framework.tasks import MultiOutput
from tests.contract.cases import apis, random_records
from tests.processes import Server
from tests.server.asked import MODELS, body_of, route_of
from tests.server.environments import node_environment, python_environment, run
from tests.server.talk import Talk

pytestmark = pytest.mark.clients

Operation = dict[str, Any]
"""`method`, `route`, `tag`, `id`, values of `path` and `query`, `body`, whether it `is_text`."""

# What two requests need not agree on: counts go up, and a time may be written in several ways.
CHANGING = ("statistics", "metrics", "list_models", "get_model")


@pytest.fixture(scope="module")
def server(
    stored_models: dict[str, bentoml.Model], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that takes labels, and gives answers no ids by which two of them would differ."""
    record = str(tmp_path_factory.mktemp("record"))
    environment = {"MODEL_SERVER_RECORD": record, "MODEL_SERVER_RECORD_SAMPLE": "1e-9"}
    with Server.start(environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as a file."""
    found = tmp_path_factory.mktemp("document") / "docs.json"
    found.write_bytes(requests.get(f"{server.url}/docs.json", timeout=30).content)
    return found


@pytest.fixture(scope="module")
def operations(server: Server, document: Path) -> list[Operation]:
    """Every operation of the document, with something to ask it."""
    model = next(iter(MODELS.values()))
    talk = Talk.of(server, model)
    bodies = {
        route_of(api): body_of(model, random_records(model, 2))
        for model in MODELS.values()
        for api in apis(model)
    }
    bodies["/feedback"] = {"labels": [label_of(server, model)]}
    (version,) = talk.metadata["versions"]
    arguments = requests.get(f"{server.url}/models/{model.name}/args", timeout=30).json()
    values = {"name": model.name, "model": model.name, "version": version, "filter": "overall"}
    values["arg"] = next(iter(arguments))
    found = []
    for route, methods in json.loads(document.read_bytes())["paths"].items():
        if route.startswith("/v2/repository/"):
            # It takes no orders; Triton's own clients give some to another.
            continue
        for method, told in methods.items():
            body = bodies.get(route)
            if route.endswith("/infer"):
                body = {"inputs": talk.inputs()}
            places: dict[str, dict[str, str]] = {"path": {}, "query": {}}
            for one in told.get("parameters", []):
                places[one["in"]][one["name"]] = values[one["name"]]
            found.append(
                {
                    "method": method.upper(),
                    "route": route,
                    "tag": told["tags"][0].lower().replace(" ", "_"),
                    "id": told["operationId"],
                    "is_text": "text/plain" in told["responses"]["200"]["content"],
                    "body": body,
                    **places,
                }
            )
    return found


def label_of(server: Server, model: Model[Any, Any]) -> dict[str, Any]:
    """Something that may have become true of a prediction."""
    told = requests.get(f"{server.url}/models/{model.name}", timeout=30).json()
    numbers: Any = [1.0] * len(model.target) if isinstance(model.task, MultiOutput) else 1.0
    label = told["classes"][0] if told["classes"] else numbers
    return {"prediction_id": f"{model.name}-{'0' * 24}", "row": 0, "label": label, "source": ""}


def asked(server: Server, operation: Operation) -> Any:
    """What an operation answers without any generated client."""
    url = server.url + operation["route"].format(**operation["path"])
    response = requests.request(
        operation["method"], url, params=operation["query"], json=operation["body"], timeout=30
    )
    assert response.status_code == 200, response.text
    return response.text if operation["is_text"] else response.json()


def assert_alike(server: Server, operations: list[Operation], answers: list[Any]) -> None:
    """Compares what came through a generated client with what comes without."""
    for operation, (status, answer) in zip(operations, answers, strict=True):
        assert status == 200, operation
        if any(one in operation["id"] for one in CHANGING):
            assert answer
        else:
            assert answer == asked(server, operation), operation


def test_two_linters_find_no_error(document: Path) -> None:
    node = node_environment()
    programs = node / "node_modules" / ".bin"
    lint = [str(programs / "redocly"), "lint", str(document)]
    run(lint, node, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
    rules = ["--ruleset", str(node / "spectral.yaml")]
    run([str(programs / "spectral"), "lint", *rules, str(document)], node)


def test_operation_ids_are_names(operations: list[Operation]) -> None:
    ids = [one["id"] for one in operations]

    assert len(set(ids)) == len(ids)
    assert all(len(one) < 40 and one.isidentifier() for one in ids)
    assert [one["route"] for one in operations if one["is_text"]] == [
        "/livez",
        "/readyz",
        "/metrics",
    ]


def test_a_generated_python_client_knows_every_operation(
    server: Server, document: Path, operations: list[Operation], tmp_path: Path
) -> None:
    programs = python_environment("tools")
    run(
        [
            *(str(programs / "openapi-python-client"), "generate", "--path", str(document)),
            *("--meta", "none", "--output-path", str(tmp_path / "generated")),
            "--fail-on-warning",
        ],
        PATH=f"{programs}:{os.environ['PATH']}",
    )
    client = [str(programs / "python"), "-m", "tests.server.clients.generated_python"]
    done = subprocess.run(
        [*client, server.url, str(tmp_path)],
        input=json.dumps(operations),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert_alike(server, operations, json.loads(done.stdout))


def typescript(operations: list[Operation]) -> str:
    """A program that calls every operation, each with what the generated types must allow."""
    lines = [
        'import createClient from "openapi-fetch";',
        'import type { paths } from "./api.js";',
        "declare const process: { argv: string[] };",
        "const client = createClient<paths>({ baseUrl: process.argv[2] });",
        "const answers: unknown[] = [];",
    ]
    for one in operations:
        options: dict[str, Any] = {"params": {"path": one["path"], "query": one["query"]}}
        options["params"] = {place: given for place, given in options["params"].items() if given}
        if one["body"] is not None:
            options["body"] = one["body"]
        if one["is_text"]:
            options["parseAs"] = "text"
        call = f"client.{one['method']}({json.dumps(one['route'])}, {json.dumps(options)})"
        lines.append(f"{{ const {{ data, response }} = await {call};")
        lines.append("  answers.push([response.status, data]); }")
    return "\n".join([*lines, "console.log(JSON.stringify(answers));"])


def test_generated_typescript_types_fit_every_operation(
    server: Server, document: Path, operations: list[Operation], tmp_path: Path
) -> None:
    node = node_environment()
    programs = node / "node_modules" / ".bin"
    (tmp_path / "node_modules").symlink_to(node / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "calls.ts").write_text(typescript(operations), encoding="utf-8")

    run([str(programs / "openapi-typescript"), str(document), "--output", "api.ts"], tmp_path)
    strict = ["--strict", "--target", "es2022", "--module", "nodenext"]
    run([str(programs / "tsc"), *strict, "--lib", "es2022,dom,dom.iterable", "calls.ts"], tmp_path)
    answers = run(["node", "calls.js", server.url], tmp_path)

    assert_alike(server, operations, json.loads(answers))
