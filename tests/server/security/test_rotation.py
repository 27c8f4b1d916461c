"""Keys come and go while the server runs, and are written down nowhere."""

import contextlib
import http.client
import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import httpx
import pytest

from deploy.processes import wait_until
from framework.access.key_file import read_key_file
from tests.server.security.conftest import Keys, Locked
from tests.server.security.test_scopes import BODY, CONNECT, ask, code

SECONDS = 10
ASKED = 20
"""Connections of their own, so that both workers are asked."""


def statuses(locked: Locked, key: str) -> set[int]:
    """How a key is answered, over many connections."""
    found = set()
    for _ in range(ASKED):
        connection = http.client.HTTPConnection(urlsplit(locked.server.url).netloc, timeout=10)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request("POST", "/gauges/predict", json.dumps(BODY), headers)
            found.add(connection.getresponse().status)
    return found


def test_a_new_key_opens_and_a_revoked_one_does_not(locked: Locked) -> None:
    key = locked.keys.make("gauges:predict")
    wait_until(lambda: statuses(locked, key) == {200}, SECONDS, "the new key was not known")
    wait_until(
        lambda: code(ask(locked, CONNECT, b"", key)) is grpc.StatusCode.INVALID_ARGUMENT,
        SECONDS,
        "the new key was not known over gRPC",
    )

    locked.keys.revoke(key)
    wait_until(lambda: statuses(locked, key) == {401}, SECONDS, "the revoked key was let in")
    assert code(ask(locked, CONNECT, b"", key)) is grpc.StatusCode.UNAUTHENTICATED
    # The others are let in all the while.
    assert statuses(locked, locked.everything) == {200}


def test_an_open_stream_ends_with_its_key(locked: Locked) -> None:
    from framework.open_inference import inference_pb2 as pb

    key = locked.keys.make("gauges:predict")
    wait_until(lambda: statuses(locked, key) == {200}, SECONDS, "the new key was not known")
    request = pb.ModelInferRequest(model_name="gauges").SerializeToString()

    def requests() -> "itertools.chain[bytes]":
        def after() -> "list[bytes]":
            locked.keys.revoke(key)
            wait_until(lambda: statuses(locked, key) == {401}, SECONDS, "it was let in")
            return [request]

        return itertools.chain([request], (one for _ in (0,) for one in after()))

    with grpc.insecure_channel(locked.server.grpc) as channel:
        asked: Any = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        answers = asked(requests(), timeout=30, metadata=(("x-api-key", key),))
        assert next(answers)
        with pytest.raises(grpc.RpcError) as ended:
            next(answers)

    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("broken", ["", "{", '{"keys": [{"id": "x"}]}', None])
def test_a_broken_file_leaves_the_keys_as_they_were(locked: Locked, broken: str | None) -> None:
    good, told = locked.keys.path.read_bytes(), locked.log.read_text().count("stay as they were")
    if broken is None:
        locked.keys.path.unlink()
    else:
        locked.keys.path.write_text(broken)
    try:
        wait_until(
            lambda: locked.log.read_text().count("stay as they were") >= told + 2,
            SECONDS,
            "the workers did not say that the file is broken",
        )
        assert statuses(locked, locked.everything) == {200}
    finally:
        locked.keys.path.write_bytes(good)
        locked.keys.path.chmod(0o600)
    key = locked.keys.make("gauges:predict")
    wait_until(lambda: statuses(locked, key) == {200}, SECONDS, "the mended file was not read")


def test_a_file_that_others_may_write_is_not_believed(locked: Locked) -> None:
    told = locked.log.read_text().count("by others than its owner")
    locked.keys.path.chmod(0o660)
    try:
        wait_until(
            lambda: locked.log.read_text().count("by others than its owner") >= told + 2,
            SECONDS,
            "the workers did not say so",
        )
    finally:
        locked.keys.path.chmod(0o600)
    assert statuses(locked, locked.everything) == {200}


def test_no_key_is_written_down_anywhere(locked: Locked, tmp_path: Path) -> None:
    with httpx.Client(base_url=locked.server.url) as client:
        for header in ({"Authorization": f"Bearer {one}"} for one in locked.keys.made):
            client.post("/gauges/predict", json=BODY, headers=header)
            client.post("/gauges/predict", json={"x": 1}, headers=header)
            client.get("/nothing", headers=header)
    stranger = Keys(tmp_path / "other.json").make("*")
    told = httpx.get(f"{locked.server.url}/models", headers={"X-API-Key": stranger}).text
    code(ask(locked, CONNECT, b"\xff", locked.everything))

    ids = [one.id for one in read_key_file(locked.keys.path).keys]
    log = locked.log.read_text()
    assert f'"caller":"{ids[0]}"' in log
    files = [path for path in locked.record.rglob("*") if path.is_file()]
    assert files
    kept = [told.encode(), log.encode(), locked.server.output().encode()]
    kept += [path.read_bytes() for path in [*files, locked.keys.path]]
    secrets = [one.split("_", 2)[2].encode() for one in [*locked.keys.made, stranger]]
    assert not [one for one in secrets for content in kept if one in content]


def test_strangers_do_not_fill_the_record(locked: Locked) -> None:
    def recorded(request_id: str) -> bool:
        files = (one for one in locked.record.rglob("*") if one.is_file())
        return any(request_id.encode() in one.read_bytes() for one in files)

    with httpx.Client(base_url=locked.server.url) as client:
        callers = {
            "stranger-66": "ms_nobody",
            "forbidden-66": locked.by_scope["spans:predict"],
            "known-66": locked.everything,
        }
        for request_id, key in callers.items():
            headers = {"X-API-Key": key, "X-Request-ID": request_id}
            client.post("/gauges/predict", json=BODY, headers=headers)

    # Over one connection, so by one worker, which writes in order.
    wait_until(lambda: recorded("known-66"), SECONDS, "the known caller was not recorded")
    assert not recorded("stranger-66")
    assert not recorded("forbidden-66")
