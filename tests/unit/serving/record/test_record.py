"""Taking entries on the event loop: bounded, counted, drained at the end."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.processes import wait_until
from framework.record.folder import RecordFolder
from serving.record import recorder as recorder_module
from serving.record.recorder import Record, Recorder
from serving.settings import Settings
from tests.server.record.reading import recorded
from tests.unit.serving.batching.bench import until


@asynccontextmanager
async def recording(root: Path) -> AsyncIterator[Record]:
    """A record, closed at the end."""
    folder = RecordFolder(root)
    folder.create()
    record = Record(folder, Settings())
    yield record
    record.close()


def add(record: Record, number: int, size: int = 10) -> None:
    """Records a request, told by its body."""
    body = b"%0*d" % (size, number)
    Recorder(record, "/m", "http", "m:1", 1).answered("m-1", "r", "json", body, b"[]", {})


def bodies(root: Path) -> list[int]:
    """What was recorded, in order."""
    return [int(entry.body[-4:]) for entry in recorded(root)]


def test_entries_are_written_soon_and_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        async with recording(tmp_path) as record:
            for number in range(100):
                add(record, number)
            assert record.waiting == 100
            await until(lambda: not record.waiting)
            assert bodies(tmp_path) == list(range(100))
            add(record, 100)

    asyncio.run(run())
    # The last one was written at the end.
    assert bodies(tmp_path) == list(range(101))


def test_large_entries_are_divided_into_frames(tmp_path: Path) -> None:
    async def run() -> None:
        async with recording(tmp_path) as record:
            for number in range(20):
                add(record, number, 300_000)

    asyncio.run(run())
    assert bodies(tmp_path) == list(range(20))


@pytest.mark.parametrize("size", [900, 100_000])
def test_what_does_not_fit_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # Of those that are encoded, one more is taken: its size is not known before.
    monkeypatch.setattr(recorder_module, "MAX_WAITING_BYTES", 10 * size)

    async def run() -> None:
        async with recording(tmp_path) as record:
            for number in range(15):
                add(record, number, size)
            assert record.waiting in (9, 10)
            assert record.dropped["too_slow"] == 15 - record.waiting
            kept = range(record.waiting)
            await until(lambda: not record.waiting)
            add(record, 15, size)
        assert bodies(tmp_path) == [*kept, 15]

    asyncio.run(run())


def test_a_disk_that_does_not_answer_costs_memory_within_bounds_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is a named pipe that nobody reads yet."""
    folder = RecordFolder(tmp_path)
    folder.create()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def open_pipe(spool: Path, now_ns: int) -> tuple[Path, int]:
        return pipe, os.open(pipe, os.O_WRONLY)

    monkeypatch.setattr("serving.record.spool.new_spool_file", open_pipe)
    monkeypatch.setattr("serving.record.recorder.MAX_WAITING_BYTES", 1_000_000)

    async def run() -> None:
        record = Record(folder, Settings())
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number in range(3_000):
            add(record, number, 1_000)
        assert loop.time() - started < 1
        assert 800 < record.waiting < 1_000
        assert record.dropped["too_slow"] == 3_000 - record.waiting
        while record.waiting:
            await asyncio.sleep(0)
            try:
                os.read(reader, 2**16)
            except BlockingIOError:
                continue
        os.close(reader)
        monkeypatch.setattr(recorder_module, "END_SECONDS", 1)
        record.close()

    asyncio.run(run())


def test_entries_leave_nothing_to_the_collector(tmp_path: Path) -> None:
    async def run() -> None:
        async with recording(tmp_path) as record:
            gc.collect()
            gc.disable()
            try:
                for number in range(100):
                    add(record, number)
                await until(lambda: not record.waiting)
                assert gc.collect() < 10
            finally:
                gc.enable()

    asyncio.run(run())


def test_an_end_that_takes_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = os.eventfd(0)
    monkeypatch.setattr(recorder_module, "END_SECONDS", 0.05)

    async def run() -> None:
        async with recording(tmp_path) as record:
            # Whatever the thread does at last, it waits.
            monkeypatch.setattr(record.spool, "append", lambda _: os.eventfd_read(release))
            add(record, 1)
            record.close()
            assert record.dropped["stopped"] == 1
            os.eventfd_write(release, 1)
            wait_until(lambda: not record.thread.is_alive(), 5, "the thread goes on")

    asyncio.run(run())
    os.close(release)
