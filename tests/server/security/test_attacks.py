"""Named attacks on a locked server, by clients that keep to no rules."""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from framework.open_inference import inference_pb2 as pb
from tests.server.security.attacks_http import GROUPS, METHOD, PREDICT, Attack
from tests.server.security.conftest import Locked
from tests.server.transport.wire import Wire

SECRETS = ("a secret", "process_cpu_seconds_total")
SECONDS = 5.0
"""More than any refusal takes here, beside other tests; one that hangs takes the time-out."""

INFERENCE = "/inference.GRPCInferenceService"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
Code = grpc.StatusCode


@pytest.fixture(autouse=True)
def still_serving(locked: Locked) -> Iterator[None]:
    """Whatever was sent, the next one with a key is answered."""
    yield
    response = httpx.get(
        f"{locked.server.url}/models", headers={"X-API-Key": locked.everything}, timeout=SECONDS
    )
    assert response.status_code == 200
    locked.server.require_running()


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_sent_gets_nobody_in(locked: Locked, group: str, subtests: Any) -> None:
    attacks = GROUPS[group](locked)
    assert attacks
    for name, attack in attacks.items():
        with subtests.test(name):
            attacked(locked, attack)


def attacked(locked: Locked, attack: Attack) -> None:
    started = time.monotonic()
    with Wire(locked.server.url) as wire:
        try:
            wire.send(*attack.packets)
            # Where one is answered, whatever comes behind is waited for.
            one = wire.answer() if 200 not in attack.allowed else None
            answers = [one] if one else list(wire.answers())
        except ConnectionError:
            answers = []
    assert time.monotonic() - started < SECONDS
    assert answers or attack.closes
    for answer in answers:
        assert answer.status in attack.allowed
        text = answer.body.decode("utf-8", "replace")
        assert not [one for one in (*SECRETS, *locked.keys.made) if one in text]
        if answer.status != 200:
            assert len(answer.body) < 100_000
    if 200 in attack.allowed:
        assert answers[-1].status != 200


GRPC: dict[str, tuple[str, bytes, str, set[Code]]] = {
    "nobody predicts": (METHOD, b"", "", {Code.UNAUTHENTICATED}),
    "nobody infers": (
        f"{INFERENCE}/ModelInfer",
        pb.ModelInferRequest(model_name="gauges").SerializeToString(),
        "",
        {Code.UNAUTHENTICATED},
    ),
    "nobody reads": (f"{INFERENCE}/RepositoryIndex", b"", "", {Code.UNAUTHENTICATED}),
    "nobody loads": (f"{INFERENCE}/RepositoryModelLoad", b"", "", {Code.UNAUTHENTICATED}),
    "nobody labels": (
        "/model_server.feedback.v1.FeedbackService/Send",
        b"",
        "",
        {Code.UNAUTHENTICATED},
    ),
    "nobody looks behind": (REFLECTION, b"", "", {Code.UNAUTHENTICATED}),
    "nobody asks for channels": (
        "/grpc.channelz.v1.Channelz/GetServers",
        b"",
        "",
        {Code.UNAUTHENTICATED},
    ),
    "a method that is none": ("/no.such/Method", b"", "", {Code.UNAUTHENTICATED}),
    "a method in other letters": (METHOD.lower(), b"", "", {Code.UNAUTHENTICATED}),
    "out of a public service": (
        "/grpc.health.v1.Health/../gauges",
        b"",
        "",
        {Code.UNAUTHENTICATED},
    ),
    "noise for a message": (METHOD, b"\xff" * 1_000, "", {Code.UNAUTHENTICATED}),
    "a key for another model": (METHOD, b"", "spans:predict", {Code.PERMISSION_DENIED}),
    "a key for another model infers": (
        f"{INFERENCE}/ModelInfer",
        pb.ModelInferRequest(model_name="gauges").SerializeToString(),
        "spans:predict",
        {Code.PERMISSION_DENIED},
    ),
    "a key for another model loads": (
        f"{INFERENCE}/RepositoryModelLoad",
        b"",
        "spans:predict",
        {Code.PERMISSION_DENIED},
    ),
    "noise with a key": (METHOD, b"\xff" * 1_000, "*", {Code.INVALID_ARGUMENT}),
    "fields without end": (METHOD, b"\x0a\x00" * 200_000, "*", {Code.RESOURCE_EXHAUSTED}),
    "a length that is none": (METHOD, b"\x0a\xff\xff\xff\xff\x0f", "*", {Code.INVALID_ARGUMENT}),
}
"""Attack → method, message, scope of the key, and how the call may end."""


def called(locked: Locked, method: str, message: bytes, metadata: Any, **options: Any) -> Code:
    """Calls a method; returns how that ends."""
    with grpc.insecure_channel(locked.server.grpc) as channel:
        try:
            call: Any = channel.unary_unary(method)
            call(message, timeout=SECONDS, metadata=metadata, **options)
        except grpc.RpcError as error:
            code: Code = error.code()
            return code
    return Code.OK


@pytest.mark.parametrize("name", GRPC)
def test_what_is_called_gets_nobody_in(locked: Locked, name: str) -> None:
    method, message, scope, allowed = GRPC[name]
    keys = {"*": locked.everything, "": ""} | dict(locked.by_scope)
    metadata = [("authorization", f"Bearer {keys[scope]}")] if scope else []

    assert called(locked, method, message, metadata) in allowed


@pytest.mark.parametrize(
    "metadata",
    [
        [("authorization-bin", b"Bearer")],
        [("x-api-key", "")],
        [("x-api-key", "ms_bad")],
        [("authorization", "Bearer"), ("authorization", "Bearer ms_bad")],
        [("x-forwarded-user", "admin")],
        [("authorization", "bearer " + "a" * 7_000)],
    ],
    ids=["binary", "empty", "mistyped", "twice", "a proxy's header", "long"],
)
def test_metadata_that_is_no_key_gets_nobody_in(locked: Locked, metadata: Any) -> None:
    assert called(locked, METHOD, b"", metadata) is Code.UNAUTHENTICATED


def test_a_bomb_over_grpc_is_refused(locked: Locked) -> None:
    message = pb.ModelInferRequest(model_name="gauges", raw_input_contents=[bytes(64 * 2**20)])
    assert len(gzip.compress(message.SerializeToString())) < 100_000
    metadata = [("x-api-key", locked.everything)]

    ended = called(
        locked,
        f"{INFERENCE}/ModelInfer",
        message.SerializeToString(),
        metadata,
        compression=grpc.Compression.Gzip,
    )

    assert ended is Code.RESOURCE_EXHAUSTED


def test_no_attack_was_written_down_with_a_key(locked: Locked) -> None:
    texts = [locked.log.read_text(), locked.server.output()]

    assert not [key for key in locked.keys.made for text in texts if key in text]
    assert json.dumps(PREDICT) in texts[0] or PREDICT in texts[0]
