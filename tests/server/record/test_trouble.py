"""Whatever becomes of the disk, or of the server, requests are answered, and losses are counted."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import bentoml
import httpx
import psutil
import pytest

from deploy.processes import wait_until
from framework.record.folder import RecordFolder
from framework.record.frames import Frames
from tests.disks import fill, on_a_small_disk
from tests.processes import Server
from tests.server.record.conftest import Start
from tests.server.record.reading import recorded
from tests.server.record.test_recording import ID, gauges
from tests.server.starting import PLANE
from tests.server.watching import Scrape, wait
from tests.tools import require_tool

FAILED, AGAIN = "The record cannot be written", "The record is being written again"
LOST_SECONDS = 0.1
"""What a server that is killed may have answered without a trace."""


def dropped(server: Server, reason: str) -> float:
    return Scrape(server).total("model_server_record_dropped_total", reason=reason)


def told(server: Server) -> tuple[int, int]:
    """How often it was logged that the record fails, and that it goes on."""
    output = server.output()
    return output.count(FAILED), output.count(AGAIN)


def answered_until(server: Server, condition: str, reason: str) -> None:
    """Asks until entries are dropped for a reason; every request must be answered."""

    def holds() -> bool:
        response = gauges(server)
        assert response.status_code == 200
        return dropped(server, reason) > 0

    wait(holds, condition)


def is_recorded(server: Server, folder: Path) -> bool:
    """Whether a request that is sent now is in the record soon."""
    prediction_id = gauges(server).headers[ID]
    wait_seconds = 0.3
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        if prediction_id in {entry.prediction_id for entry in recorded(folder)}:
            return True
    return False


@pytest.fixture
def disk(toys_served: dict[str, bentoml.Model], tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server that records to a small disk, and where others find that."""
    folder = tmp_path / "disk"
    folder.mkdir()
    environment = {"MODEL_SERVER_RECORD": str(folder)}
    inside = partial(on_a_small_disk, folder, "2m")
    with Server.start(PLANE, environment=environment, inside=inside) as server:
        yield server, Path(f"/proc/{server.process.pid}/root{folder}")


def test_a_full_disk_costs_entries_and_no_answer(disk: tuple[Server, Path]) -> None:
    server, folder = disk
    assert is_recorded(server, folder)

    fill(folder)
    answered_until(server, "nothing was dropped", "disk_full")
    before = len(recorded(folder))
    (folder / "filler").unlink()
    wait(lambda: is_recorded(server, folder), "it is not recorded again")

    wait(lambda: told(server) == (1, 1), "it was not told once that it goes on")
    assert len(recorded(folder)) > before
    assert all(not torn(file.path) for file in RecordFolder(folder).spool_files())
    assert "Traceback" not in server.output()


def torn(path: Path) -> int:
    """Bytes at the end of a file that are no frame."""
    frames = Frames(path)
    list(frames)
    return frames.torn_bytes


def test_a_folder_that_is_gone_costs_entries_until_it_is_back(start: Start, folder: Path) -> None:
    with start() as server:
        assert is_recorded(server, folder)

        shutil.rmtree(folder)
        answered_until(server, "nothing was dropped", "folder_gone")
        assert not folder.exists()
        folder.mkdir()
        wait(lambda: is_recorded(server, folder), "it is not recorded again")

        wait(lambda: told(server) == (1, 1), "it was not told once that it goes on")
        assert "Traceback" not in server.output()


@contextlib.contextmanager
def slow_disk(pids: list[int], seconds: int) -> Iterator[None]:
    """Has each `fdatasync` of processes take so long."""
    command = [require_tool("strace"), "--quiet=all", "--output=/dev/null", "-f"]
    command += ["--trace=fdatasync", f"--inject=fdatasync:delay_enter={seconds}s"]
    command += [f"--attach={pid}" for pid in pids]
    with subprocess.Popen(command) as tracing:
        try:
            wait(lambda: all(map(is_traced, pids)), "strace does not attach")
            yield
        finally:
            tracing.send_signal(signal.SIGINT)


def is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


def test_a_slow_disk_holds_no_request_up(start: Start, folder: Path) -> None:
    body = b" " * 2**20 + b'{"gauges":[{"level":1,"count":1,"flag":true,"grade":"low"}]}'
    with start() as server, httpx.Client(base_url=server.url, timeout=10) as client:
        client.post("/gauges/predict", content=body)
        workers = psutil.Process(server.process.pid).children()
        longest, asked = 0.0, 0
        with slow_disk([one.pid for one in workers], 8):

            def has_dropped() -> bool:
                nonlocal longest, asked
                for _ in range(20):
                    started = time.monotonic()
                    assert client.post("/gauges/predict", content=body).status_code == 200
                    longest = max(longest, time.monotonic() - started)
                    asked += 1
                return dropped(server, "too_slow") > 0

            wait_until(has_dropped, 60, "nothing was dropped")
        wait(lambda: is_recorded(server, folder), "it is not recorded again")

    assert longest < 3
    assert 60 <= len(recorded(folder)) < asked


def test_a_killed_server_loses_less_than_a_moment(start: Start, folder: Path) -> None:
    asking = True

    def ask(url: str) -> list[tuple[float, str]]:
        answers = []
        with httpx.Client(base_url=url) as client, contextlib.suppress(httpx.TransportError):
            while asking:
                response = client.post(
                    "/gauges/predict",
                    content=b'{"gauges":[{"level":1,"count":1,"flag":true,"grade":"low"}]}',
                )
                answers.append((time.monotonic(), response.headers[ID]))
        return answers

    with start() as server, ThreadPoolExecutor(4) as pool:
        (worker,) = psutil.Process(server.process.pid).children()
        running = [pool.submit(ask, server.url) for _ in range(4)]
        wait(lambda: len(recorded(folder)) > 500, "too little was recorded")
        worker.kill()
        killed = time.monotonic()
        asking = False
        answers = [one for each in running for one in each.result()]

    known = {entry.prediction_id for entry in recorded(folder)}
    lost = [moment for moment, prediction_id in answers if prediction_id not in known]
    assert len(answers) > 500
    assert all(moment > killed - LOST_SECONDS for moment in lost), killed - min(lost)
