"""Histograms counted in plain Python, and their way to Prometheus."""

from itertools import accumulate

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.batching.queue import Queue
from serving.counts import BatchMetrics, Histogram, RouteMetrics
from serving.logs import RouteLog

LOG = RouteLog("/wine/predict", "wine:1", "http", accesses=False)
FINE = (1, 2, 4, 5, 8)
COARSE = (2, 5)


def exposed(child: prometheus_client.Histogram) -> tuple[dict[float, float], float, float]:
    """Cumulative buckets, count and sum of a Prometheus histogram, as a scraper sees them."""
    samples = [sample for metric in child.collect() for sample in metric.samples]
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in samples
        if sample.name.endswith("_bucket")
    }
    (count,) = [sample.value for sample in samples if sample.name.endswith("_count")]
    (total,) = [sample.value for sample in samples if sample.name.endswith("_sum")]
    return buckets, count, total


def prometheus_histogram(bounds: tuple[float, ...]) -> prometheus_client.Histogram:
    """A histogram that no registry knows."""
    return prometheus_client.Histogram("h", "A histogram.", buckets=bounds, registry=None)


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(0, 0), (1, 0), (1.0001, 1), (2, 1), (4.5, 3), (8, 4), (8.0001, 5), (1e9, 5)],
)
def test_a_bound_belongs_to_the_bucket_below_it(value: float, bucket: int) -> None:
    histogram = Histogram(FINE)

    histogram.observe(value)

    assert histogram.counts.index(1) == bucket
    assert sum(histogram.counts) == 1
    assert histogram.total == value


@given(st.lists(st.integers(0, 12)), st.lists(st.integers(0, 12)))
def test_moved_observations_are_what_prometheus_would_have_counted(
    first: list[int], second: list[int]
) -> None:
    moved = [prometheus_histogram(FINE), prometheus_histogram(COARSE)]
    direct = [prometheus_histogram(FINE), prometheus_histogram(COARSE)]
    histogram = Histogram(FINE)

    for values in (first, second):
        for value in values:
            histogram.observe(value)
            for child in direct:
                child.observe(value)
        histogram.move_to(*moved)

    assert [exposed(child) for child in moved] == [exposed(child) for child in direct]
    assert exposed(moved[0])[1] == len(first) + len(second)


def test_moving_starts_again_from_zero() -> None:
    target = prometheus_histogram(COARSE)
    histogram = Histogram(FINE)
    for value in (1, 3, 9):
        histogram.observe(value)

    histogram.move_to(target)
    histogram.move_to(target)

    buckets, count, total = exposed(target)
    assert list(buckets.values()) == list(accumulate([1, 1, 1]))
    assert (count, total) == (3, 13)


def test_a_route_counts_by_status_and_what_is_under_way() -> None:
    changes: list[int] = []
    route = RouteMetrics(FINE, lambda: changes.append(route.in_progress), LOG)

    route.started()
    route.started()
    route.ended(200, 0.5)
    route.ended(503, 3)

    assert route.in_progress == 0
    assert {status: histogram.counts for status, histogram in route.by_status.items()} == {
        200: [1, 0, 0, 0, 0, 0],
        503: [0, 0, 1, 0, 0, 0],
    }
    assert changes == [1, 0]


def test_a_batcher_that_never_reported_has_an_empty_queue() -> None:
    metrics = BatchMetrics()
    assert metrics.queued_rows == 0

    queue = Queue()
    queue.rows = 7
    metrics.watch_queue(queue)
    metrics.refused("queue_full")
    metrics.refused("queue_full")

    assert metrics.queued_rows == 7
    assert metrics.refusals == {"queue_full": 2}
