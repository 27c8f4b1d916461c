"""What a server says of itself, and how much memory it takes, while it is under load."""

import contextlib
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

from framework.adapters.bentoml import WORKER_MODULE
from load_tests.processes import Process

_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def metrics(port: int) -> str:
    """Returns the text of `/metrics`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text: str = response.read().decode()
        return text


def values(text: str, name: str, route: str = "") -> dict[str, float]:
    """Returns labels → value of a metric, of one route if given."""
    found = {}
    for line in text.splitlines():
        series = _SERIES.match(line)
        labels = (series[2] or "") if series else ""
        if series and series[1] == name and route in labels:
            found[labels] = float(series[3])
    return found


def buckets(before: str, after: str, name: str, route: str) -> dict[str, float]:
    """Returns upper bound → count of the observations between two looks at a histogram."""
    counts: dict[str, float] = {}
    earlier = values(before, f"{name}_bucket", route)
    for labels, value in values(after, f"{name}_bucket", route).items():
        bound = re.search(r'le="([^"]+)"', labels)
        assert bound is not None
        counts[bound[1]] = counts.get(bound[1], 0) + value - earlier.get(labels, 0)
    ordered = sorted(counts, key=float)
    below = [0.0, *(counts[bound] for bound in ordered)]
    return {bound: counts[bound] - lower for bound, lower in zip(ordered, below, strict=False)}


@dataclass
class Watched:
    """Samples taken while a server was under load."""

    seconds: list[float] = field(default_factory=list)
    queue_rows: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


@contextlib.contextmanager
def watching(process: Process, port: int, route: str, interval: float) -> Iterator[Watched]:
    """Samples queue and memory while the block runs."""
    watched = Watched()
    ended = threading.Event()
    started = time.monotonic()

    def watch() -> None:
        while not ended.wait(interval):
            with contextlib.suppress(OSError):
                queued = values(metrics(port), "model_server_queue_rows", route)
                watched.seconds.append(time.monotonic() - started)
                watched.queue_rows.append(sum(queued.values()))
                watched.resident.append(process.resident_bytes(WORKER_MODULE))

    thread = threading.Thread(target=watch, name="watching")
    thread.start()
    try:
        yield watched
    finally:
        ended.set()
        thread.join()
