import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from serving.limits.bucket import Rate
from serving.limits.shared import SharedBuckets

RATE = Rate(rows=2_000, burst=100)
# What a new interpreter would import takes longer than the test.
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "buckets"


@pytest.fixture
def buckets(file: Path) -> Iterator[SharedBuckets]:
    made = SharedBuckets(file)
    yield made
    made.close()


def test_two_see_the_same_buckets(buckets: SharedBuckets, file: Path) -> None:
    other = SharedBuckets(file)
    slow = Rate(rows=0.001, burst=3)

    assert [one.take("a", slow, 1, 1).rows for one in (buckets, other, buckets, other)] == [
        1,
        1,
        1,
        0,
    ]
    assert other.take("b", slow, 3, 3).rows == 3
    other.close()


def test_names_do_not_share(buckets: SharedBuckets) -> None:
    slow = Rate(rows=0.001, burst=1)

    assert all(buckets.take(f"key-{number}", slow, 1, 1).rows for number in range(2_000))
    assert not any(buckets.take(f"key-{number}", slow, 1, 1).rows for number in range(2_000))


def ask_until(path: Path, seconds: float, result: Connection) -> None:
    buckets, granted, asked = SharedBuckets(path), 0, 0
    result.send("ready")
    end = result.recv() + seconds
    while time.monotonic() < end:
        granted += buckets.take("a", RATE, 1, 1).rows
        asked += 1
    result.send((granted, asked))
    buckets.close()


def test_processes_together_take_what_there_is_and_no_more(file: Path) -> None:
    seconds, pipes = 0.5, []
    processes = []
    for _ in range(3):
        mine, theirs = FORK.Pipe()
        processes.append(FORK.Process(target=ask_until, args=(file, seconds, theirs)))
        pipes.append(mine)
    for process in processes:
        process.start()
    for pipe in pipes:
        assert pipe.recv() == "ready"
    start = time.monotonic()
    for pipe in pipes:
        pipe.send(start)
    results = [pipe.recv() for pipe in pipes]
    elapsed = time.monotonic() - start
    for process in processes:
        process.join(10)

    granted = sum(one for one, _ in results)
    assert granted <= RATE.burst + RATE.rows * elapsed
    assert granted >= RATE.burst + RATE.rows * seconds * 0.8
    assert sum(asked for _, asked in results) > granted


def test_a_lock_ends_with_its_process(buckets: SharedBuckets, file: Path) -> None:
    mine, theirs = FORK.Pipe()
    process = FORK.Process(target=hold, args=(file, theirs))
    process.start()
    assert mine.recv() == "held"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)

    assert buckets.take("a", RATE, 1, 1).rows == 1
    process.join(10)


def hold(path: Path, pipe: Connection) -> None:
    import fcntl

    with path.open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        pipe.send("held")
        time.sleep(60)
