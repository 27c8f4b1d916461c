"""Observations added in bulk are what a scraper would have seen of single ones."""

import os
import subprocess
import sys
from bisect import bisect_left
from pathlib import Path

import prometheus_client
import pytest

from deploy.processes import ROOT
from framework.adapters.prometheus import add_observations

FINE = (1.0, 2.0, 4.0, 5.0, 8.0)
COARSE = (2.0, 5.0)
VALUES = (0, 1, 1.5, 2, 3, 4.5, 5, 8, 9, 1000)


def in_bulk(bounds: tuple[float, ...], label: str | None = None) -> prometheus_client.Histogram:
    """A histogram of other buckets, told of `VALUES` as counts of the fine ones."""
    histogram = target = prometheus_client.Histogram(
        "h", "A histogram.", ["l"] if label else [], buckets=bounds, registry=None
    )
    counts = [0] * (len(FINE) + 1)
    for value in VALUES:
        counts[bisect_left(FINE, value)] += 1
    if label:
        target = histogram.labels(label)
    add_observations(target, FINE, counts, sum(VALUES))
    return histogram


def singly(bounds: tuple[float, ...]) -> prometheus_client.Histogram:
    """A histogram that has observed `VALUES` one by one."""
    histogram = prometheus_client.Histogram("h", "A histogram.", buckets=bounds, registry=None)
    for value in VALUES:
        histogram.observe(value)
    return histogram


def samples(histogram: prometheus_client.Histogram, ending: str) -> dict[str, float]:
    """Bucket → value of the samples that a scraper reads."""
    return {
        sample.labels.get("le", ""): sample.value
        for metric in histogram.collect()
        for sample in metric.samples
        if sample.name.endswith(ending)
    }


@pytest.mark.parametrize("bounds", [FINE, COARSE])
def test_upper_bounds_tell_which_bucket_takes_a_count(bounds: tuple[float, ...]) -> None:
    told = samples(in_bulk(bounds), "_bucket")

    assert [float(bound) for bound in told] == [*bounds, float("inf")]
    for bound, count in told.items():
        assert count == sum(value <= float(bound) for value in VALUES)


@pytest.mark.parametrize("bounds", [FINE, COARSE])
def test_buckets_take_counts_that_are_not_cumulated(bounds: tuple[float, ...]) -> None:
    assert samples(in_bulk(bounds), "_bucket") == samples(singly(bounds), "_bucket")
    assert samples(in_bulk(bounds), "_count") == {"": len(VALUES)}


def test_sum_takes_the_total_of_the_observations() -> None:
    assert samples(in_bulk(FINE), "_sum") == {"": sum(VALUES)}


def test_a_child_by_labels_has_the_same_names_as_a_histogram() -> None:
    assert samples(in_bulk(COARSE, "child"), "_bucket") == samples(singly(COARSE), "_bucket")


# In a process of its own: whether metrics are shared is decided at prometheus_client's import.
DEAD = """
import os, sys
import prometheus_client
gauge = prometheus_client.Gauge("rows", "Rows.", multiprocess_mode="livesum")
gauge.set(int(sys.argv[1]))
prometheus_client.Counter("requests", "Requests.").inc()
os._exit(0)  # as after SIGKILL, nothing is tidied up
"""
FORGET = """
import prometheus_client
from framework.adapters.prometheus import forget_dead_processes
prometheus_client.Gauge("rows", "Rows.", multiprocess_mode="livesum").set(1)
forget_dead_processes()
registry = prometheus_client.CollectorRegistry()
prometheus_client.multiprocess.MultiProcessCollector(registry)
print(prometheus_client.generate_latest(registry).decode())
"""


def test_file_names_of_live_gauges_tell_whose_they_are(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    run(DEAD, "41")
    told = run(FORGET).splitlines()

    assert "rows 1.0" in told  # and not the 41 of the one that is dead
    assert "requests_total 1.0" in told  # what it counted stays counted


def test_importing_the_adapter_leaves_prometheus_to_be_imported_later() -> None:
    code = "import sys, framework.adapters.prometheus;sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
