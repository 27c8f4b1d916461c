"""The suite's own manners."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.processes import Child, wait_until

TESTS = """
import time
from pathlib import Path

from deploy.processes import Child


def test_that_waits() -> None:
    with Child(["sleep", "600"]) as child:
        Path("started").with_suffix(".tmp").write_text(str(child.process.pid))
        Path("started.tmp").rename("started")
        time.sleep(600)
"""


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_run_that_is_terminated_ends_what_it_has_started(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_waiting.py").write_text(TESTS)
    started = tmp_path / "started"
    command = [sys.executable, "-m", "pytest", "-p", "tests.plugin", "-n", processes]
    with Child(command, folder=tmp_path) as run:
        run.wait_until(started.exists, 60, "the inner test did not start")
        inner = int(started.read_text())
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(30) == 2, run.output()
        wait_until(lambda: not psutil.pid_exists(inner), 10, "what it had started goes on")
