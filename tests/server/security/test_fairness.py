"""Whoever sends much does not keep the others from being answered."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.server.security.conftest import Locked
from tests.server.security.test_limits import over_grpc, over_tensors
from tests.server.security.test_scopes import GAUGES

GREEDY, ROWS, MODEST = 12, 10_000, 40


@contextlib.contextmanager
def greedy(locked: Locked, key: str) -> Iterator[Counter[int]]:
    """Sends requests of as many rows as may be, many at a time; counts their answers."""
    body = {GAUGES.rows: [GAUGES.sample[0]] * ROWS}
    content = httpx.Request("POST", locked.server.url, json=body).content
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    found: Counter[int] = Counter()
    first, ended = threading.Barrier(GREEDY + 1), threading.Event()

    def send() -> None:
        with httpx.Client(base_url=locked.server.url, headers=headers, timeout=60) as client:
            is_first = True
            while not ended.is_set():
                found[client.post("/gauges/predict", content=content).status_code] += 1
                if is_first:
                    first.wait(60)
                    is_first = False

    with ThreadPoolExecutor(GREEDY) as threads:
        sending = [threads.submit(send) for _ in range(GREEDY)]
        try:
            first.wait(60)
            yield found
        finally:
            ended.set()
        for one in sending:
            one.result()


def test_large_requests_of_one_key_leave_room_for_small_ones_of_another(locked: Locked) -> None:
    little = locked.by_scope["gauges:predict"]
    one_row = {GAUGES.rows: [GAUGES.sample[0]]}
    shown = {"X-API-Key": little}

    with (
        greedy(locked, locked.everything) as found,
        httpx.Client(base_url=locked.server.url, headers=shown, timeout=60) as client,
    ):
        modest: Counter[int] = Counter()
        for _ in range(MODEST):
            modest[client.post("/gauges/predict", json=one_row).status_code] += 1
            modest[over_grpc(locked.server, little)] += 1
            modest[over_tensors(locked.server, little)] += 1

    assert modest == {200: 3 * MODEST}
    # It was under way all the time, and whatever was not answered was refused.
    assert found[200] >= GREEDY
    assert found.keys() <= {200, 503}
