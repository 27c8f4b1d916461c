"""What the logs rely upon of BentoML's: its loggers, its handlers, what its filter adds."""

import json
import logging
import subprocess
import sys

from opentelemetry import trace

from framework.adapters.bentoml_logs import (
    HANDLED,
    OWN,
    OWN_ATTRIBUTES,
    TraceRecordFilter,
    current_trace,
)

# In a process of its own: it changes the logging of all.
SEEN = """
import json, logging
from bentoml._internal.log import configure_server_logging
from framework.adapters.bentoml_logs import HANDLED, server_handlers
before = len(server_handlers())
configure_server_logging()
handled = [name for name in HANDLED if logging.getLogger(name).handlers]
print(json.dumps([before, len(server_handlers()), handled]))
"""


def test_a_server_has_one_handler_at_each_of_these_loggers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEEN], capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(done.stdout) == [0, 1, list(HANDLED)]
    assert OWN in HANDLED


def test_its_filter_adds_these_attributes() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", (), None)
    known = set(vars(record))

    TraceRecordFilter().filter(record)

    assert set(vars(record)) - known == set(OWN_ATTRIBUTES)


def test_the_trace_is_that_of_the_present_span() -> None:
    span = trace.NonRecordingSpan(trace.SpanContext(10, 11, is_remote=False))

    with trace.use_span(span):
        assert current_trace() == {"trace_id": f"{10:032x}", "span_id": f"{11:016x}"}
    assert current_trace() == {}
