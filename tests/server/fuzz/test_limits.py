"""Requests within the limits that took seconds and gigabytes to refuse, and bodies compressed."""

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import grpc
import pytest

from framework.open_inference import inference_pb2 as pb
from tests.server.fuzz.test_fuzz import CONNECT_REFUSED, INFER, JSON, METHOD, PREDICT, ROWS, TENSORS
from tests.server.fuzz.watch import SECONDS, Watch
from tests.server.toy_models import gauges

PROBE_SECONDS = 2
ROW = json.dumps(gauges.MODEL.sample[0]).encode()
TENSOR = b'{"name": "level", "shape": [3], "datatype": "FP64", "data": [1, 2, 3]}'
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
}


@contextlib.contextmanager
def probed(url: str) -> Iterator[list[float]]:
    """Asks for `/livez` all the time; the seconds that each answer took."""
    waits: list[float] = []
    ended = threading.Event()

    def probe() -> None:
        with contextlib.closing(HTTPConnection(url, timeout=SECONDS)) as connection:
            while not ended.wait(0.01) or not waits:
                started = time.monotonic()
                connection.request("GET", "/livez")
                assert connection.getresponse().read() is not None
                waits.append(time.monotonic() - started)

    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(probe)
        try:
            yield waits
        finally:
            ended.set()
        probing.result()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_cheaply(watch: Watch, name: str) -> None:
    path, make, wanted = REFUSED[name]
    body = make()

    with probed(watch.url) as waits:
        status, content = watch.post(path, body, JSON)

    assert status == wanted, content
    assert len(content) < 16 * 1024
    # Some milliseconds on a machine with nothing else to do.
    assert max(waits) < PROBE_SECONDS


@pytest.mark.parametrize("name", [name for name, (path, *_) in REFUSED.items() if path == PREDICT])
def test_connect_refuses_as_cheaply(watch: Watch, name: str) -> None:
    _, make, _ = REFUSED[name]
    body = make()

    with probed(watch.url) as waits:
        status, content = watch.post(METHOD, body, JSON)

    assert status in CONNECT_REFUSED, content
    assert len(content) < 16 * 1024
    assert max(waits) < PROBE_SECONDS


def test_rows_that_are_all_wrong_in_every_tensor_are_refused_cheaply(watch: Watch) -> None:
    wrong = [
        {**one, "shape": [10_000], "data": [value] * 10_000}
        for one, value in zip(TENSORS["inputs"], [-1, -1, True, "none"], strict=True)
    ]

    status, content = watch.post(INFER, json.dumps({"inputs": wrong}).encode(), JSON)

    assert status == 400
    assert "at least" in json.loads(content)["error"]


@pytest.mark.parametrize(
    ("method", "message", "status"),
    [
        ("/gauges.v1.GaugesService/Predict", b"\x0a\x00", grpc.StatusCode.RESOURCE_EXHAUSTED),
        (
            "/inference.GRPCInferenceService/ModelInfer",
            b"\x2a\x00",
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
    ],
)
def test_messages_are_counted_before_they_are_made(
    watch: Watch, method: str, message: bytes, status: grpc.StatusCode
) -> None:
    assert watch.call(method, message * 7_500_000) is status


def test_a_name_is_not_echoed_whole_over_grpc(watch: Watch) -> None:
    request = pb.ModelInferRequest(model_name="gauges")
    request.inputs.add(name="n" * 1_000_000, datatype="FP64", shape=[1])

    found = watch.call("/inference.GRPCInferenceService/ModelInfer", request.SerializeToString())

    assert found is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("path", [PREDICT, INFER])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_decoded_within_the_limits(
    watch: Watch, path: str, encoding: str
) -> None:
    compress: Callable[[bytes], bytes] = gzip.compress if encoding == "gzip" else zlib.compress
    body = json.dumps(ROWS if path == PREDICT else TENSORS).encode()
    headers = {**JSON, "Content-Encoding": encoding}

    assert watch.post(path, compress(body), headers) == watch.post(path, body, JSON)
    assert watch.post(path, compress(body + b" " * 2**24), headers)[0] == 413
    assert watch.post(path, body, headers)[0] == 400


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
