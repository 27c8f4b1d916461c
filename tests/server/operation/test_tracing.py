"""Traces: sampled requests and their batches, as a receiver of OpenTelemetry's gets them."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.server import toy_pb2, toy_pb2_grpc
from tests.server.rpc.calling import Toy, toy
from tests.server.watching import wait

SAMPLED, SPARED = "01", "00"


@dataclass
class Received:
    """What a receiver has got."""

    url: str
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def of_trace(self, trace: str) -> list[Span]:
        """The spans of a trace."""
        return [one for one in self.spans if one.trace_id.hex() == trace]


class Receiver(BaseHTTPRequestHandler):
    """Takes spans by OTLP over HTTP."""

    received: ClassVar[Received]

    def do_POST(self) -> None:
        """Takes some."""
        content = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.received.services |= {
                one.value.string_value
                for one in resource.resource.attributes
                if one.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.received.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def received() -> Iterator[Received]:
    """A receiver that runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Receiver.received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Receiver.received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def traced(received: Received) -> Iterator[Toy]:
    """A server that traces those who ask for it."""
    with toy(
        MODEL_SERVER_TRACE_SHARE="1e-12",
        OTEL_EXPORTER_OTLP_ENDPOINT=received.url,
        OTEL_BSP_SCHEDULE_DELAY="100",
    ) as started:
        yield started


def traceparent(trace: str, flags: str = SAMPLED) -> dict[str, str]:
    """A caller's header."""
    return {"traceparent": f"00-{trace}-00f067aa0ba902b7-{flags}"}


def ask(started: Toy, headers: dict[str, str], name: str = "x", seconds: float = 0) -> int:
    """Asks over HTTP; returns the status."""
    rows = {"rows": [{"name": name, "seconds": seconds}]}
    url = f"{started.server.url}/toy/sleep"
    return httpx.post(url, json=rows, headers=headers, timeout=30).status_code


def told(span: Span) -> dict[str, Any]:
    """The attributes of a span."""
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes
    }


def the_span(received: Received, trace: str) -> Span:
    """The one span of a trace, once it has come."""
    wait(lambda: bool(received.of_trace(trace)), "no span came")
    (span,) = received.of_trace(trace)
    return span


def batches_of(received: Received, span: Span) -> list[Span]:
    """The spans of batches that are linked with a request's."""
    return [
        one for one in received.spans if any(link.span_id == span.span_id for link in one.links)
    ]


def test_a_request_has_a_span_in_its_callers_trace(traced: Toy, received: Received) -> None:
    trace = "a" * 32

    assert ask(traced, {**traceparent(trace), "X-Request-ID": "asked-1"}) == 200

    span = the_span(received, trace)
    assert (span.name, span.kind) == ("/toy/sleep", Span.SPAN_KIND_SERVER)
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert (
        told(span).items()
        >= {
            "http.route": "/toy/sleep",
            "http.response.status_code": 200,
            "model_server.protocol": "http",
            "model_server.request_id": "asked-1",
        }.items()
    )
    assert received.services == {"rpc_toy"}
    (batch,) = batches_of(received, span)
    assert (batch.name, told(batch)["model_server.rows"]) == ("batch /toy/sleep", 1)
    assert span.start_time_unix_nano <= batch.start_time_unix_nano
    assert batch.end_time_unix_nano <= span.end_time_unix_nano


def test_a_call_has_one_too(traced: Toy, received: Received) -> None:
    trace = "b" * 32
    stub = toy_pb2_grpc.ToyServiceStub(traced.channel)

    stub.Sleep(
        toy_pb2.RowsRequest(rows=[{"name": "x"}]),
        metadata=list(traceparent(trace).items()),
        timeout=30,
    )

    span = the_span(received, trace)
    assert span.name == "/toy.v1.ToyService/Sleep"
    assert told(span)["model_server.protocol"] == "grpc"
    assert len(batches_of(received, span)) == 1


def test_a_batch_is_linked_with_all_of_its_traced_requests(traced: Toy, received: Received) -> None:
    traces = ["c" * 32, "d" * 32]
    occupying = traced.occupy(0.5)
    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, traced, traceparent(trace)) for trace in traces]
        asking.append(pool.submit(ask, traced, traceparent("e" * 32, SPARED)))
        assert [one.result() for one in asking] == [200] * 3
    occupying.result()

    first, second = (the_span(received, trace) for trace in traces)
    (batch,) = batches_of(received, first)
    assert batches_of(received, second) == [batch]
    assert told(batch)["model_server.rows"] == 3
    assert len(batch.links) == 2
    assert not received.of_trace("e" * 32)


def test_a_failure_is_told(traced: Toy, received: Received) -> None:
    trace = "f" * 32

    url = f"{traced.server.url}/toy/fail"
    httpx.post(url, json={"rows": [{"name": "x"}]}, headers=traceparent(trace), timeout=30)

    span = the_span(received, trace)
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert (
        told(span).items()
        >= {
            "http.response.status_code": 500,
            "error.type": "internal",
        }.items()
    )


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"ff-{'1' * 32}-00f067aa0ba902b7-01",
        "00-1-2-3",
    ],
)
def test_what_is_no_traceparent_is_passed_over(traced: Toy, received: Received, given: str) -> None:
    before = len(received.spans)

    assert ask(traced, {"traceparent": given}) == 200
    assert ask(traced, traceparent("9" * 32)) == 200

    the_span(received, "9" * 32)
    received.spans[:] = [one for one in received.spans if one.trace_id.hex() != "9" * 32]
    wait(lambda: len(received.spans) <= before + 1, "it was traced")
