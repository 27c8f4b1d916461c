"""One batch answers rows, messages and tensors alike, each with their own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.contract.surfaces import Surface
from tests.processes import Server
from tests.server.toy_models.kinds import HELD
from tests.server.watching import Scrape, wait


def batches(server: Server) -> list[list[str]]:
    """Names of the things of every batch so far."""
    found: list[list[str]] = httpx.post(f"{server.url}/kinds/batches", json={}, timeout=30).json()
    return found


def things(surface: str) -> list[dict[str, Any]]:
    """Things that are asked for over one surface."""
    return [{"size": float(len(surface)), "name": f"{surface}-{row}"} for row in range(3)]


def test_all_protocols_share_a_batch(plane: Server, surfaces: dict[str, Surface]) -> None:
    expected = {name: surfaces["http"].call("predict_kinds", things(name)) for name in surfaces}
    names = [thing["name"] for name in surfaces for thing in things(name)]

    def queued() -> bool:
        rows = Scrape(plane).total("model_server_queue_rows", route="/kinds/predict")
        return rows == len(names)

    with ThreadPoolExecutor(len(surfaces) + 1) as threads:
        held = threads.submit(surfaces["http"].call, "predict_kinds", [{"size": 1.0, "name": HELD}])
        wait(lambda: [HELD] in batches(plane), "the model was not occupied")
        asked = {
            name: threads.submit(one.call, "predict_kinds", things(name))
            for name, one in surfaces.items()
        }
        wait(queued, "the rows were not queued")
        assert not held.done()
        httpx.post(f"{plane.url}/kinds/release", json={}, timeout=30).raise_for_status()
        answers = {name: one.result() for name, one in asked.items()}

    assert answers == expected
    assert sorted(names) in [sorted(batch) for batch in batches(plane)]
