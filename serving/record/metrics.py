"""Metrics of the record: what was written, what was not, what waits."""

import asyncio
import time
from collections import Counter
from functools import cache

from framework.adapters.bentoml_server import metrics_client
from serving.record.recorder import RECORD_REASONS, Record
from serving.record.spool import CROWDED_OUT
from serving.record.thread import THREAD_REASONS
from serving.series import NAMESPACE

REPORT_SECONDS = 1.0
_PREFIX = f"{NAMESPACE}_record"
_REASONS = (*RECORD_REASONS, *THREAD_REASONS, CROWDED_OUT)


class _Series:
    def __init__(self) -> None:
        client = metrics_client()
        self.entries = client.Counter(f"{_PREFIX}_entries", "Requests written to the record.")
        self.dropped = client.Counter(
            f"{_PREFIX}_dropped",
            "Requests that did not get into the record, or were lost from it unconverted.",
            ["reason"],
        )
        self.written_bytes = client.Counter(
            f"{_PREFIX}_written_bytes", "Bytes written to the record."
        )
        self.waiting = client.Gauge(
            f"{_PREFIX}_waiting", "Requests waiting to be written.", multiprocess_mode="livesum"
        )
        # Of the files of all workers, which each of them sees.
        self.spool_bytes = client.Gauge(
            f"{_PREFIX}_spool_bytes",
            "Bytes of the record that were not converted yet.",
            multiprocess_mode="livemax",
        )
        self.oldest_seconds = client.Gauge(
            f"{_PREFIX}_oldest_unconverted_seconds",
            "Age of the oldest file of the record that was not converted yet.",
            multiprocess_mode="livemax",
        )


_series = cache(_Series)


class RecordMetrics:
    """Hands the counts of a record on, every second and at the end.

    Args:
        record: The record.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._series = _series()
        self._entries = self._bytes = 0
        self._dropped: Counter[str] = Counter()
        for reason in _REASONS:
            # A series that begins above zero is no increase to Prometheus.
            self._series.dropped.labels(reason=reason)
        self._planned: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to hand on; to be called on the event loop."""
        self.report()
        self._planned = asyncio.get_running_loop().call_later(REPORT_SECONDS, self.start)

    def stop(self) -> None:
        """Hands on what is left."""
        if self._planned is not None:
            self._planned.cancel()
        self.report()

    def report(self) -> None:
        """Hands on what was counted since the last time."""
        record, thread, spool = self._record, self._record.thread, self._record.spool
        series = self._series
        entries, written = thread.entries, spool.written_bytes
        series.entries.inc(entries - self._entries)
        series.written_bytes.inc(written - self._bytes)
        self._entries, self._bytes = entries, written
        dropped = Counter(record.dropped) + Counter(thread.dropped)
        dropped[CROWDED_OUT] = spool.crowded_out
        for reason, count in (dropped - self._dropped).items():
            series.dropped.labels(reason=reason).inc(count)
        self._dropped = dropped
        series.waiting.set(record.waiting)
        series.spool_bytes.set(spool.spool_bytes)
        oldest = spool.oldest_ns
        series.oldest_seconds.set(0 if oldest is None else max(0, time.time() - oldest / 1e9))
