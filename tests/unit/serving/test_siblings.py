"""A worker knows who serves beside it, and whether one is lost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import siblings
from serving.siblings import LOST_SECONDS, Siblings, ready_file


@pytest.fixture
def other() -> Iterator[int]:
    """Another process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: int) -> Siblings:
    """This process as one of two workers, the other of which has not begun to serve."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(siblings, "_living", lambda: [os.getpid(), other])
    return Siblings(2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list of one."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_worker_serves_when_it_says_so(pair: Siblings, tmp_path: Path, other: int) -> None:
    assert pair.serving() == 0
    pair.begin_serving()
    assert pair.serving() == 1
    ready_file(tmp_path, other).touch()
    assert pair.serving() == 2
    # A worker that has ended, and left its mark.
    ready_file(tmp_path, 1).touch()
    assert pair.serving() == 2


def test_a_worker_is_lost_when_its_place_stays_empty(
    pair: Siblings, clock: list[float], tmp_path: Path, other: int
) -> None:
    pair.begin_serving()
    assert not pair.is_one_lost()
    clock[0] += LOST_SECONDS - 1
    assert not pair.is_one_lost()
    clock[0] += 1
    assert pair.is_one_lost()

    ready_file(tmp_path, other).touch()
    assert not pair.is_one_lost()
    ready_file(tmp_path, other).unlink()
    assert not pair.is_one_lost()


def test_without_a_folder_for_marks_nobody_is_lost(
    pair: Siblings, clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.rename(tmp_path.with_name("gone"))
    pair.begin_serving()
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    alone = Siblings(2)
    alone.begin_serving()
    for one in (pair, alone):
        assert not one.is_one_lost()
        clock[0] += LOST_SECONDS
        assert (one.is_one_lost(), one.serving()) == (False, 0)
