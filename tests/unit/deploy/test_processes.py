"""Processes that are started, awaited and ended."""

import http.server
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial

import psutil
import pytest

from deploy import processes
from deploy.processes import Child, free_port, is_ready, wait_until

# Starts a process that leaves its group and outlives it, and one that stays in the group.
PARENT = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
for leaves in (True, False):
    print(subprocess.Popen(sleep, start_new_session=leaves).pid, flush=True)
"""
WAIT = "import time; time.sleep(600)"
DEADLINE_SECONDS = 20


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def started(child: Child) -> list[psutil.Process]:
    """The two processes that `PARENT` starts, once they run."""
    wait_until(lambda: len(child.output().split()) == 2, DEADLINE_SECONDS, "not started")
    return [psutil.Process(int(pid)) for pid in child.output().split()]


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; nobody may have asked for its exit code yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_all_that_a_child_started_ends_with_it() -> None:
    with Child(python(PARENT + WAIT)) as child:
        family = started(child)
        assert {one.pid for one in child.family()} == {child.process.pid, *(p.pid for p in family)}

    assert child.process.returncode == -signal.SIGTERM
    for one in family:
        wait_until(partial(is_gone, one), DEADLINE_SECONDS, "not ended")


def test_what_a_child_leaves_in_its_group_ends_too() -> None:
    child = Child(python(PARENT))
    loner, member = started(child)
    assert child.process.wait(DEADLINE_SECONDS) == 0

    try:
        assert child.stop() == 0
        wait_until(partial(is_gone, member), DEADLINE_SECONDS, "not ended")
    finally:
        if loner.is_running():
            loner.kill()


def test_a_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_DEADLINE_SECONDS", 2)
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True);"
    child = Child(python(ignore + WAIT))
    wait_until(lambda: child.output() == "1\n", DEADLINE_SECONDS, "not started")

    assert child.stop() == -signal.SIGKILL


def test_waiting_for_a_child_that_ended_tells_its_output() -> None:
    with (
        Child(python("import sys; sys.exit('the reason')")) as child,
        pytest.raises(RuntimeError, match="ended with 1:\nthe reason"),
    ):
        child.wait_until(lambda: False, DEADLINE_SECONDS, "it was not ready")


def test_waiting_for_a_slow_child_tells_its_output() -> None:
    with Child(python("print('so far', flush=True);" + WAIT)) as child:
        wait_until(lambda: bool(child.output()), DEADLINE_SECONDS, "not started")
        with pytest.raises(TimeoutError, match=r"it was not ready within 0\.1 s:\nso far"):
            child.wait_until(lambda: False, 0.1, "it was not ready")


@pytest.fixture
def statuses() -> Iterator[tuple[str, list[int]]]:
    """A server, and the statuses that it answers one after the other."""
    answers: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0) if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Writes nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


def test_a_server_is_awaited_until_it_is_ready(statuses: tuple[str, list[int]]) -> None:
    url, answers = statuses
    answers += [503, 503, 200, 503]

    processes.wait_until_ready(url, "the server")

    assert answers == [503]
    assert not is_ready(url)


def test_nobody_is_ready_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_DEADLINE_SECONDS", 0.1)

    with pytest.raises(TimeoutError, match=r"the server was not ready within 0\.1 s"):
        processes.wait_until_ready(f"http://127.0.0.1:{free_port()}", "the server")
