"""Clients of the Connect protocol that nobody here wrote: in Node, in Python, and `buf curl`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.processes import ROOT
from framework import Model
from tests.contract.cases import random_records, refused
from tests.contract.expected import close
from tests.contract.surfaces import HttpSurface, RefusedError
from tests.processes import Server
from tests.server.asked import MODELS, body_of
from tests.server.environments import node_environment, python_environment, run
from tests.server.rpc.calling import SERVICES

pytestmark = pytest.mark.clients

CLIENTS = ROOT / "tests" / "server" / "clients"
# What is wrong with a value that a client's own messages can hold all the same.
WRONG = ("below", "above", "unknown category", "empty text", "blank text")

every_model = pytest.mark.parametrize("name", SERVICES)


def wrong_of(model: Model[Any, Any]) -> list[list[Any]]:
    """Records to be refused."""
    return [case.records for case in refused(model) if case.name.startswith(WRONG)]


def refusal(server: Server, api: str, records: list[Any]) -> str:
    """How records are refused over plain HTTP."""
    with pytest.raises(RefusedError) as raised:
        HttpSurface(server.url).call(api, records)
    return str(raised.value)


def talk(command: list[str], folder: Path, given: Any) -> Any:
    """Returns what a client says, which is given JSON."""
    done = subprocess.run(
        command,
        cwd=folder,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@every_model
def test_connects_client_for_node(server: Server, name: str, tmp_path: Path) -> None:
    node, model = node_environment(), MODELS[name]
    (tmp_path / "node_modules").symlink_to(node / "node_modules")
    (tmp_path / "client.mjs").write_bytes((CLIENTS / "connect_client.mjs").read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    proto = ROOT / model.package.replace(".", "/") / f"{name}.proto"
    plugin = node / "node_modules" / ".bin" / "protoc-gen-es"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={proto.parent}"]
    options = [f"--plugin=protoc-gen-es={plugin}", "--es_out=.", "--es_opt=target=js"]
    run([*protoc, *options, str(proto)], tmp_path)
    records, wrong = random_records(model, 3), wrong_of(model)

    client = ["node", "client.mjs", server.url, f"./{name}_pb.js"]
    said = talk(client, tmp_path, {"records": records, "wrong": wrong})

    assert [one["method"] for one in said] == 2 * [one.name for one in SERVICES[name].methods]
    for one in said:
        api = f"{one['method'].lower()}_{name}"
        assert close(one["answers"], HttpSurface(server.url).call(api, records), 1e-12)
        assert one["told"]["request"] == "order-66"
        assert one["told"]["model"].startswith(f"{name}:")
        assert [told["code"] for told in one["refusals"]] == ["InvalidArgument"] * (len(wrong) + 1)
        assert all(told["details"] == 2 for told in one["refusals"])
        messages = [refusal(server, api, given) for given in [[], *wrong]]
        assert [told["message"] for told in one["refusals"]] == messages


@every_model
def test_connects_client_for_python(server: Server, name: str) -> None:
    python, model = str(python_environment("connect") / "python"), MODELS[name]
    records, wrong = random_records(model, 3), wrong_of(model)
    bodies = [body_of(model, given) for given in [records, *wrong]]
    stubs = str(ROOT / model.package.replace(".", "/") / f"{name}_pb2.py")
    service = SERVICES[name].full_name

    client = [python, "-m", "tests.server.clients.connect_client", server.url]
    in_bytes, in_json = _halves(talk([*client, stubs, service, "Predict"], ROOT, bodies))

    expected = HttpSurface(server.url).call(f"predict_{name}", records)
    for answer, *refusals in (in_bytes, in_json):
        (answers,) = answer.values()
        assert close(answers, expected, 1e-12)
        for told, given in zip(refusals, wrong, strict=True):
            assert told["code"] == "invalid_argument"
            assert told["message"] == refusal(server, f"predict_{name}", given)
            assert told["details"] == 2


def _halves(said: list[Any]) -> tuple[list[Any], list[Any]]:
    middle = len(said) // 2
    return said[:middle], said[middle:]


@every_model
def test_buf_curl(server: Server, name: str) -> None:
    model, buf = MODELS[name], str(python_environment("tools") / "buf")
    schema = ["--schema", model.package.replace(".", "/")]
    url = f"{server.url}/{SERVICES[name].full_name}/Predict"

    told = run([buf, "curl", *schema, "--data", json.dumps(body_of(model)), url], ROOT)

    assert len(json.loads(told)) == 1
