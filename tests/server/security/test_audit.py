"""Who was not let in is in the audit log, by the id of the key, on every protocol."""

import asyncio
import json
import uuid
from typing import Any

import grpc
import httpx
import pytest
from httpx_ws import WebSocketUpgradeError, aconnect_ws

from framework.open_inference import inference_pb2 as pb
from framework.open_inference.inference_pb2_grpc import GRPCInferenceServiceStub
from tests.server.security.conftest import Locked
from tests.server.watching import wait

HTTP = [
    ("POST", "/spans/predict"),
    ("POST", "/v2/models/spans/infer"),
    ("GET", "/models"),
    ("GET", "/own/seen"),
    ("GET", "/nothing/here"),
]
ACTIONS = {
    "/spans/predict": "http",
    "/v2/models/{model}/infer": "http",
    "/models": "http",
    "/own/seen": "http",
    "/own/talk": "http",
    "unmatched": "http",
    "/inference.GRPCInferenceService/ModelConfig": "grpc",
}
"""What the log calls all that is asked for, and the protocol."""


def ask_all(locked: Locked, key: str) -> None:
    """Asks for what a key does not allow, over every protocol."""
    shown = {"x-api-key": key} if key else {}
    with httpx.Client(base_url=locked.server.url, headers=shown) as client:
        for method, path in HTTP:
            assert client.request(method, path).status_code in (401, 403)

    async def talk() -> None:
        url = f"{locked.server.url}/own/talk"
        async with httpx.AsyncClient(headers=shown) as client, aconnect_ws(url, client):
            pass

    with pytest.raises(WebSocketUpgradeError):
        asyncio.run(talk())
    with grpc.insecure_channel(locked.server.grpc) as channel:
        request = pb.ModelConfigRequest(name="spans")
        stub = GRPCInferenceServiceStub(channel)
        assert stub.ModelConfig.future(request, metadata=list(shown.items())).exception()


@pytest.mark.parametrize("is_known", [False, True])
def test_every_refusal_is_told(locked: Locked, is_known: bool) -> None:
    key = locked.keys.make(f"nothing-{uuid.uuid4().hex}:call") if is_known else ""
    who = key.split("_")[1] if key else None
    if key:
        # Both workers are to know it.
        wait(lambda: knows(locked, key), "the key was not taken")

    ask_all(locked, key)

    def told() -> dict[str, str]:
        return {one["action"]: one["protocol"] for one in lines(locked) if one.get("who") == who}

    wait(lambda: ACTIONS.items() <= told().items(), "some refusal is missing")
    for line in lines(locked):
        if line.get("who") == who:
            assert line["address"] == "127.0.0.1"
            assert line["outcome"] == "refused"
            assert line["reason"] == ("forbidden" if is_known else "unauthenticated")
    secrets = [one.split("_", 2)[2] for one in locked.keys.made]
    assert not [one for one in secrets if one in locked.audit.read_text()]


def knows(locked: Locked, key: str) -> bool:
    """Whether every worker, each asked over connections of its own, knows a key."""
    asked = [
        httpx.get(f"{locked.server.url}/models", headers={"X-API-Key": key}) for _ in range(12)
    ]
    return all(one.status_code == 403 for one in asked)


def lines(locked: Locked) -> list[dict[str, Any]]:
    """The audit log."""
    return [json.loads(line) for line in locked.audit.read_text().splitlines()]
