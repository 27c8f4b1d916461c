"""Traces: a span for each sampled request, and one for each batch that has rows of such requests.

Whether a request is traced is decided before anything is made of it: by the caller, if it says so
in W3C's `traceparent`, or else by chance. Where the spans go, and what else they tell, is
OpenTelemetry's to configure (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, …).
"""

import random
import re
from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span

# https://www.w3.org/TR/trace-context/#traceparent-header; what later versions append is skipped.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


class Tracing:
    """Makes the spans of one worker, and sends them in a thread of its own.

    Args:
        service: Name of the service, unless `OTEL_SERVICE_NAME` has another.
        share: Share of the requests that are traced, of those whose caller has not decided.
    """

    def __init__(self, service: str, share: float) -> None:
        resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
        self._share = share
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("model_server")

    def begin_request(
        self, fields: Mapping[str, str], request_id: str, traceparent: bytes | None
    ) -> Span | None:
        """Begins the span of a request; None if it is not traced.

        Args:
            fields: `route`, `model` and `protocol`, as the log has them.
            request_id: Its id.
            traceparent: The caller's header, if there is one.
        """
        parent = _parent(traceparent) if traceparent is not None else None
        if parent is not None:
            is_traced = parent.trace_flags.sampled
        else:
            is_traced = random.random() < self._share  # noqa: S311 - a sample, not a secret
        if not is_traced:
            return None
        known = Context()
        if parent is not None:
            known = trace.set_span_in_context(trace.NonRecordingSpan(parent), known)
        attributes = {f"model_server.{name}": value for name, value in fields.items()}
        attributes |= {"http.route": fields["route"], "model_server.request_id": request_id}
        return self._tracer.start_span(fields["route"], known, trace.SpanKind.SERVER, attributes)

    def begin_batch(self, route: str, requests: Sequence[Span], rows: int) -> Span:
        """Begins the span of a batch, linked with those of its requests.

        Args:
            route: Route of the API that computes it.
            requests: Spans of the traced requests in it.
            rows: Its rows, those of other requests among them.
        """
        return self._tracer.start_span(
            f"batch {route}",
            Context(),
            links=[trace.Link(one.get_span_context()) for one in requests],
            attributes={"http.route": route, "model_server.rows": rows},
        )

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()


def _parent(traceparent: bytes) -> trace.SpanContext | None:
    if (found := _TRACEPARENT.fullmatch(traceparent)) is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    parent = trace.SpanContext(trace_id, span_id, True, trace.TraceFlags(flags))
    return parent if parent.is_valid else None
