"""Requests within the limits that took seconds and gigabytes to refuse, and bodies compressed."""

import json
import socket
from collections.abc import Callable

import grpc
import pytest

from framework.open_inference import inference_pb2 as pb
from tests.server.fuzz.large import LargeMessage
from tests.server.fuzz.test_fuzz import (
    CONNECT_REFUSED,
    INFER,
    JSON,
    METHOD,
    MODEL_INFER,
    PREDICT,
    ROWS,
    TENSORS,
)
from tests.server.fuzz.watch import BODY_LIMIT, COMPRESSIONS, SECONDS, Watch
from tests.server.toy_models import gauges

ROW = json.dumps(gauges.MODEL.sample[0]).encode()
TENSOR = b'{"name": "level", "shape": [3], "datatype": "FP64", "data": [1, 2, 3]}'
GRADES = b'{"name": "grade", "shape": [1], "datatype": "BYTES", "data": []}'
SPAN = b'{"spans": [{"low": 1.0, "high": 2.0, "name": "a"}]}'
LISTS = b"[" * 150 + b"]" * 150
KEYS = b",".join(b'"k%d":1' % number for number in range(1_200_000))


def rows(*parts: bytes) -> bytes:
    """A request of these rows."""
    return b'{"gauges": [' + b",".join(parts) + b"]}"


def tensors(*parts: bytes) -> bytes:
    """A request of these tensors."""
    return b'{"inputs": [' + b",".join(parts) + b"]}"


REFUSED: dict[str, tuple[str, Callable[[], bytes], int]] = {
    "keys of a row": (PREDICT, lambda: rows(b"{" + KEYS + b"}"), 400),
    "keys of the request": (PREDICT, lambda: b"{" + KEYS + b"}", 400),
    "keys of a row of a small request": (
        PREDICT,
        lambda: rows(b"{" + KEYS[: KEYS.index(b',"k20000"')] + b"}"),
        400,
    ),
    "objects in a value": (PREDICT, lambda: rows(ROW[:-1] + b', "note": {' + KEYS + b"}}"), 400),
    "empty rows": (PREDICT, lambda: rows(*[b"{}"] * 10_000), 400),
    "too many rows": (PREDICT, lambda: rows(*[b"{}"] * 5_000_000), 413),
    "rows that are none": (PREDICT, lambda: rows(*[b"1"] * 7_000_000), 413),
    "a key again and again": (
        PREDICT,
        lambda: rows(ROW[:-1] + b', "level": 1' * 1_000_000 + b"}"),
        400,
    ),
    "an end that is missing": (PREDICT, lambda: rows(*[b"{}"] * 5_000_000)[:-1], 400),
    "keys of parameters": (
        INFER,
        lambda: tensors(TENSOR[:-1] + b', "parameters": {' + KEYS + b"}}"),
        400,
    ),
    "inputs": (INFER, lambda: tensors(*[b"{}"] * 1_000_000), 400),
    "values": (INFER, lambda: tensors(TENSOR.replace(b"1, 2", b"1" + b",1" * 7_000_000)), 400),
    "lists for values": (
        INFER,
        lambda: tensors(TENSOR.replace(b"1, 2", b"[]" + b",[]" * 4_000_000)),
        400,
    ),
    "a shape": (
        INFER,
        lambda: tensors(TENSOR.replace(b"[3]", b"[1" + b",1" * 7_000_000 + b"]")),
        400,
    ),
    "a name": (INFER, lambda: tensors(TENSOR.replace(b"level", b"l" * 15_000_000)), 400),
    "texts that are rows": (PREDICT, lambda: rows(*[b'""'] * 5_000_000), 413),
    "lists in lists": (PREDICT, lambda: rows(*[LISTS] * 9_000), 400),
    "a grade that is quoted with escapes": (
        PREDICT,
        lambda: rows(ROW.replace(b'"high"', b'"%s"' % (b"\x7f" * 15_000_000))),
        400,
    ),
    "lists for texts": (
        INFER,
        lambda: tensors(GRADES.replace(b"[]", b"[[]" + b",[]" * 4_000_000 + b"]")),
        400,
    ),
    "lists in lists for texts": (
        INFER,
        lambda: tensors(
            GRADES.replace(b"[1]", b"[9000]").replace(b"[]", b"[%s]" % b",".join([LISTS] * 9_000))
        ),
        400,
    ),
    "rows for tensors": (INFER, lambda: tensors(*[ROW] * 3_000), 400),
    "values of a row that has rules of its own": (
        "/spans/predict",
        lambda: SPAN.replace(b'"a"', b"[1" + b",1" * 7_000_000 + b"]"),
        400,
    ),
    "lists of a row that has rules of its own": (
        "/spans/predict",
        lambda: SPAN.replace(b'"a"', b"[[]" + b",[]" * 4_000_000 + b"]"),
        400,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_cheaply(watch: Watch, name: str) -> None:
    path, make, wanted = REFUSED[name]
    body = make()

    status, content = watch.post(path, body, JSON)

    assert status == wanted, content
    assert len(content) < 16 * 1024


@pytest.mark.parametrize("name", [name for name, (path, *_) in REFUSED.items() if path == PREDICT])
def test_connect_refuses_as_cheaply(watch: Watch, name: str) -> None:
    _, make, _ = REFUSED[name]
    body = make()

    status, content = watch.post(METHOD, body, JSON)

    assert status in CONNECT_REFUSED, content
    assert len(content) < 16 * 1024


def test_rows_that_are_all_wrong_in_every_tensor_are_refused_cheaply(watch: Watch) -> None:
    wrong = [
        {**one, "shape": [10_000], "data": [value] * 10_000}
        for one, value in zip(TENSORS["inputs"], [-1, -1, True, "none"], strict=True)
    ]

    status, content = watch.post(INFER, json.dumps({"inputs": wrong}).encode(), JSON)

    assert status == 400
    assert "at least" in json.loads(content)["error"]


def field(number: int, content: bytes) -> bytes:
    """The field of a message that holds a text or another message."""
    return LargeMessage(b"", (number,), content, len(content)).body


def request(*parts: bytes) -> bytes:
    """A request of the tensor `level`, to which some parts are added."""
    tensor = field(1, b"level") + field(2, b"INT64") + b"".join(parts)
    return field(1, b"gauges") + field(5, tensor)


LOAD = "/inference.GRPCInferenceService/RepositoryModelLoad"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
MESSAGES: dict[str, tuple[str, Callable[[], bytes], grpc.StatusCode]] = {
    "rows": (METHOD, lambda: b"\x0a\x00" * 7_500_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    "tensors": (MODEL_INFER, lambda: b"\x2a\x00" * 7_500_000, INVALID),
    "outputs": (MODEL_INFER, lambda: b"\x32\x00" * 45_000, INVALID),
    "parameters of an output": (MODEL_INFER, lambda: field(6, b"\x12\x00" * 7_500_000), INVALID),
    "a shape": (MODEL_INFER, lambda: request(field(3, b"\1" * 15_000_000)), INVALID),
    "numbers": (
        MODEL_INFER,
        lambda: request(field(3, b"\2"), field(5, field(3, b"\1" * 15_000_000))),
        INVALID,
    ),
    "numbers of a row": (
        "/windows.v1.WindowsService/Predict",
        lambda: field(1, field(2, bytes(15_000_000))),
        INVALID,
    ),
    "a grade that is quoted with escapes": (
        METHOD,
        lambda: field(1, field(4, b"\1" * 15_000_000)),
        INVALID,
    ),
    "parameters": (
        LOAD,
        lambda: b"".join(field(3, field(1, b"%d" % number)) for number in range(300_000)),
        INVALID,
    ),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_counted_before_they_are_made(
    watch: Watch, name: str, compression: grpc.Compression
) -> None:
    method, make, status = MESSAGES[name]

    assert watch.call(method, make(), compression) is status


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("method", [METHOD, MODEL_INFER])
def test_a_message_that_is_too_large_is_refused_however_small_it_comes(
    watch: Watch, method: str, compression: grpc.Compression
) -> None:
    for size in (BODY_LIMIT + 1, 8 * BODY_LIMIT):
        found = watch.call(method, bytes(size), compression)

        assert found is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_name_is_not_echoed_whole_over_grpc(watch: Watch) -> None:
    request = pb.ModelInferRequest(model_name="gauges")
    request.inputs.add(name="n" * 1_000_000, datatype="FP64", shape=[1])

    found = watch.call(MODEL_INFER, request.SerializeToString())

    assert found is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("path", [PREDICT, INFER, METHOD])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_decoded_within_the_limits(
    watch: Watch, path: str, encoding: str
) -> None:
    body = json.dumps(TENSORS if path == INFER else ROWS).encode()
    too_large = CONNECT_REFUSED if path == METHOD else {413}

    assert watch.post(path, body, JSON, encoding) == watch.post(path, body, JSON)
    for size in (BODY_LIMIT, 16 * BODY_LIMIT):
        assert watch.post(path, body + b" " * size, JSON, encoding)[0] in too_large
    assert watch.post(path, body, {**JSON, "Content-Encoding": encoding})[0] == 400


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_another_encoding_is_refused(watch: Watch, path: str) -> None:
    status, content = watch.post(path, b"x", {**JSON, "Content-Encoding": "br"})

    assert status == 415
    assert "gzip, deflate" in json.loads(content)["error"]


def test_who_asks_whether_to_send_too_much_is_told_not_to(watch: Watch) -> None:
    host, _, port = watch.url.partition(":")
    shown = f"Host: x\r\nX-API-Key: {watch.key}\r\n"
    expecting = f"Expect: 100-continue\r\nContent-Length: {10**9}\r\n\r\n"

    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(f"POST {PREDICT} HTTP/1.1\r\n{shown}{expecting}".encode())
        assert connection.recv(1_024).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["9" * 5_000, "²", "-1", ""])
def test_a_length_that_is_none_is_refused(watch: Watch, length: str) -> None:
    headers = {**JSON, "Inference-Header-Content-Length": length}

    status, _ = watch.post(INFER, json.dumps(TENSORS).encode(), headers)

    assert status == (200 if not length else 400)


def test_a_key_given_twice_is_refused_in_tensors_too(watch: Watch) -> None:
    for body in (
        tensors(TENSOR[:-1] + b', "name": "count"}'),
        tensors(TENSOR[:-1] + b', "parameters": {"a": 1, "a": 2}}'),
        tensors(TENSOR[:-1] + b', "parameters": {"a": {"b": 1, "b": 2}}}'),
    ):
        status, content = watch.post(INFER, body, JSON)

        assert status == 400
        assert json.loads(content)["detail"][0]["type"] == "duplicate_key"
