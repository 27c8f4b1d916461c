"""Whatever comes in over any protocol, it is answered in form, in time, and in little memory."""

import contextlib
import json
import socket
import struct
from typing import Any

import grpc
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    positive_data_acceptance,
    unsupported_method,
)

from framework.open_inference import inference_pb2 as pb
from tests.server.fuzz.made_up import STRUCTURES, changed, json_like
from tests.server.fuzz.watch import COMPRESSIONS, ENCODINGS, REFUSED, SECONDS, Watch
from tests.server.toy_models import gauges
from tests.server.toy_models.gauges import gauges_pb2

pytestmark = [
    pytest.mark.fuzz,
    # A message that fails is reported, however long it is.
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
]

PREDICT = "/gauges/predict"
INFER = "/v2/models/gauges/infer"
METHOD = "/gauges.v1.GaugesService/Predict"
MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
ROWS = {"gauges": [dict(one) for one in gauges.MODEL.sample]}
TENSORS: dict[str, Any] = {
    "id": "x",
    "parameters": {"binary_data_output": False},
    "inputs": [
        {"name": "level", "shape": [2], "datatype": "FP64", "data": [1.5, 2]},
        {"name": "count", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]},
        {"name": "flag", "shape": [2], "datatype": "BOOL", "data": [True, False]},
        {"name": "grade", "shape": [2], "datatype": "BYTES", "data": ["low", "high"]},
    ],
    "outputs": [{"name": "value", "parameters": {"binary_data": False}}],
}
BARE = [{name: one[name] for name in ("name", "shape", "datatype")} for one in TENSORS["inputs"]]
JSON = {"Content-Type": "application/json"}
PROTO = {"Content-Type": "application/proto"}
CONNECT_REFUSED = {400, 429}
INVALID = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}

fuzz = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def require_in_form(status: int, content: bytes) -> None:
    """Makes sure that an answer is one, or a refusal in the envelope."""
    event(str(status))
    if status == 200:
        return
    assert status in REFUSED, content
    told = json.loads(content)
    assert told.keys() == {"error", "code", "detail", "request_id"}
    assert len(content) < 64 * 1024


@fuzz
@given(body=json_like(ROWS), encoding=st.sampled_from([*ENCODINGS]))
def test_json(watch: Watch, body: bytes, encoding: str) -> None:
    require_in_form(*watch.post(PREDICT, body, JSON, encoding))


@fuzz
@given(body=json_like(TENSORS), encoding=st.sampled_from([*ENCODINGS]))
def test_json_of_open_inference(watch: Watch, body: bytes, encoding: str) -> None:
    require_in_form(*watch.post(INFER, body, JSON, encoding))


def require_connects_form(status: int, content: bytes) -> None:
    """Makes sure that an answer is one, or a refusal as Connect has it."""
    event(str(status))
    if status == 200:
        return
    assert status in CONNECT_REFUSED, content
    assert json.loads(content).keys() == {"code", "message", "details"}
    assert len(content) < 64 * 1024


@fuzz
@given(body=json_like(ROWS), encoding=st.sampled_from([*ENCODINGS]))
def test_json_of_connect(watch: Watch, body: bytes, encoding: str) -> None:
    require_connects_form(*watch.post(METHOD, body, JSON, encoding))


_SIZES = st.sampled_from([0, 1, 2, 8, 16, 17, -1, "huge", 2**31, 2**63, "8", None, 1.0])
_LENGTHS = st.none() | st.sampled_from(["0", "1", "-1", "9" * 5_000, "٣", "x", "1e3", "+5"])


@fuzz
@given(
    sizes=st.lists(_SIZES, min_size=4, max_size=4),
    raw=st.binary(max_size=64)
    | st.just(struct.pack("<2d2q2?I3sI4s", 1, 2, 3, 4, True, False, 3, b"low", 4, b"high")),
    right=st.booleans(),
    length=_LENGTHS,
)
def test_binary_tensors(
    watch: Watch, sizes: list[Any], raw: bytes, right: bool, length: str | None
) -> None:
    sizes = [16, 16, 2, 15] if right else sizes
    inputs = [
        {**one, "parameters": {"binary_data_size": size}}
        for one, size in zip(BARE, sizes, strict=True)
    ]
    head = json.dumps({**TENSORS, "inputs": inputs}).replace('"huge"', "9" * 4_400)
    content = head.encode()
    given_length = str(len(content)) if length is None else length
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": given_length.encode().decode("latin-1"),
    }
    require_in_form(*watch.post(INFER, content + raw, headers))


def _rows(level: float, note: str, times: int) -> bytes:
    row = gauges_pb2.Gauge(level=level, count=times, note=note)
    return gauges_pb2.GaugesRequest(gauges=[row] * times).SerializeToString()


def _inputs(names: list[str], shape: list[int], numbers: list[float], texts: list[bytes]) -> bytes:
    request = pb.ModelInferRequest(model_name="gauges")
    for name in names:
        tensor = request.inputs.add(name=name, datatype="BYTES" if texts else "FP64", shape=shape)
        tensor.contents.fp64_contents.extend(numbers)
        tensor.contents.bytes_contents.extend(texts)
    return request.SerializeToString()


MESSAGES = st.builds(_rows, st.floats(), st.text(max_size=30), st.integers(0, 100))
REQUESTS = st.builds(
    _inputs,
    st.lists(st.sampled_from(["level", "count", "flag", "grade", "note", "", "x" * 200])),
    st.lists(st.integers(-1, 4) | st.just(2**62), max_size=3),
    st.lists(st.floats(), max_size=4),
    st.lists(st.binary(max_size=4), max_size=4),
)


@fuzz
@given(data=st.data())
def test_messages(watch: Watch, data: st.DataObject) -> None:
    method, messages = data.draw(
        st.sampled_from(
            [
                (METHOD, MESSAGES),
                (MODEL_INFER, REQUESTS),
            ]
        )
    )
    message = data.draw(st.binary(max_size=100) | messages.flatmap(changed))
    # The same some thousand times: what costs by number.
    message *= data.draw(st.sampled_from([1, 1, 1, 5_000]))

    status = watch.call(method, message, data.draw(st.sampled_from(COMPRESSIONS)))

    event(status.name)
    assert status in INVALID
    if method == METHOD:
        encoding = data.draw(st.sampled_from([*ENCODINGS]))
        require_connects_form(*watch.post(method, message, PROTO, encoding))


# They say of answers what no schema can: that shape, datatype and values must agree.
_EXCLUDED = [positive_data_acceptance, unsupported_method, ignored_auth]


@pytest.fixture(scope="module")
def operations(watch: Watch) -> list[Any]:
    """All operations of the OpenAPI document, but those of models whose methods raise."""
    headers = {"X-API-Key": watch.key}
    document: Any = schemathesis.openapi.from_url(f"http://{watch.url}/docs.json", headers=headers)
    wanted = document.exclude(path_regex="^/(kinds|spans|windows)/")
    return [one.ok() for one in wanted.get_all_operations()]


@fuzz
@given(data=st.data())
def test_operations(watch: Watch, operations: list[Any], data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(operations))
    case = data.draw(operation.as_strategy())
    # For this value the model answers what no protocol sends, which is told as a bug of its own.
    assume(str(gauges.BROKEN) not in str(case.body))
    event(operation.label)
    watch.asked(
        0,
        lambda: case.call_and_validate(
            # It makes up credentials, too.
            headers={"Authorization": f"Bearer {watch.key}"},
            excluded_checks=_EXCLUDED,
            timeout=SECONDS,
        ),
    )


LINES = [
    *(b"POST /gauges/predict HTTP/1.1", b"GET /livez HTTP/1.1", b"HEAD /docs.json HTTP/1.1"),
    *(b"Host: x", b"Content-Type: application/json", b"Transfer-Encoding: chunked"),
    *(b"Upgrade: h2c", b"Connection: Upgrade", b"Connection: close", b"Expect: 100-continue"),
    *(b"Accept: " + b"x" * 9_000, b"Content-Encoding: gzip", b"X-Request-ID: \x1b[31m"),
    *(b"Content-Length: 10", b"Content-Length: 99999999999999999999", b"PRI * HTTP/2.0"),
    *(b"", b"5", b"0", b"{}", b"ffffffffffffffff", b"\x00"),
]
NO_ROWS = b'{"gauges": []}'
HEAD = b"POST /gauges/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n"
VALID = HEAD + NO_ROWS


@fuzz
@given(
    content=st.binary(max_size=100)
    | st.lists(st.sampled_from(LINES), max_size=12).map(b"\r\n".join)
    | changed(VALID)
    | st.lists(st.just(VALID), max_size=5).map(b"".join)
    | STRUCTURES.map(lambda text: HEAD + text.encode("utf-8", "surrogatepass"))
)
def test_raw_bytes(watch: Watch, content: bytes) -> None:
    answer = watch.asked(len(content), lambda: answer_to(watch, content))

    event(answer[9:12].decode("latin-1"))
    assert answer[:9] in (b"", b"HTTP/1.1 ")
    assert answer[9:10] != b"5", answer
    watch.require_alive()


def answer_to(watch: Watch, content: bytes) -> bytes:
    """Sends bytes over a connection of their own; returns all that comes back."""
    host, _, port = watch.url.partition(":")
    answer = b""
    with (
        socket.create_connection((host, int(port)), timeout=SECONDS) as connection,
        contextlib.suppress(ConnectionError),
    ):
        shown = b"Host: x\r\nX-API-Key: " + watch.key.encode()
        connection.sendall(content.replace(b"Host: x", shown))
        # The server may have refused by now, and reset the connection.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            answer += part
    return answer
