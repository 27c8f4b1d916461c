"""Entries that somebody waits for: safe on the disk, or told that they are not."""

import errno
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from framework.record.folder import RecordFolder
from serving.record.spool import Spool, SpoolLimits
from serving.record.thread import Batch, SpoolThread
from tests.unit.serving.record.entries import entry, numbers

SECONDS = 10


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    folder = RecordFolder(tmp_path)
    folder.create()
    return Spool(folder, SpoolLimits(2**30, 600))


@pytest.fixture
def thread(spool: Spool) -> Iterator[SpoolThread]:
    made = SpoolThread(spool)
    yield made
    if made.ident is not None:
        made.end(SECONDS)


def test_what_is_promised_is_there(thread: SpoolThread, tmp_path: Path) -> None:
    thread.start()

    assert thread.promise([entry(1), entry(2)]).result(SECONDS)

    assert numbers(tmp_path) == [1, 2]


def test_the_disk_is_asked_once_for_all_that_wait(
    thread: SpoolThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    sync = os.fdatasync

    def count(file: int) -> None:
        asked.append(file)
        sync(file)

    monkeypatch.setattr(os, "fdatasync", count)
    promises = [thread.promise([entry(number)]) for number in range(20)]
    thread.hand_over(Batch(bytearray(), 0, [entry(20)], 12))

    thread.start()

    assert all(promise.result(SECONDS) for promise in promises)
    # Once more at most, when the thread looked after the file.
    assert len(asked) <= 2
    assert numbers(tmp_path) == list(range(21))


def test_what_the_disk_refuses_is_not_promised(
    thread: SpoolThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    thread.start()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", refuse)
        assert not thread.promise([entry(1)]).result(SECONDS)

    assert thread.promise([entry(2)]).result(SECONDS)


def test_a_folder_that_is_gone_keeps_no_promise(thread: SpoolThread, tmp_path: Path) -> None:
    thread.start()
    assert thread.promise([entry(1)]).result(SECONDS)
    shutil.rmtree(tmp_path)

    assert not thread.promise([entry(2)]).result(SECONDS)


def test_another_failure_breaks_the_promises_before_it(thread: SpoolThread, tmp_path: Path) -> None:
    # The file that both were written to is gone before the disk was asked.
    class Gone(list[object]):
        def __iter__(self) -> Iterator[object]:
            shutil.rmtree(tmp_path)
            return super().__iter__()

    promise = thread.promise([entry(1)])
    thread.hand_over(Batch(bytearray(), 0, Gone([entry(2)]), 2**21))  # type: ignore[arg-type]
    thread.start()

    assert not promise.result(SECONDS)


def test_nothing_is_written_that_nobody_waits_for(thread: SpoolThread, tmp_path: Path) -> None:
    given_up: Future[bool] = thread.promise([entry(1)])
    assert given_up.cancel()
    thread.start()

    assert thread.promise([entry(2)]).result(SECONDS)
    assert numbers(tmp_path) == [2]


def test_promises_are_kept_at_the_end(thread: SpoolThread, tmp_path: Path) -> None:
    promise = thread.promise([entry(1)])
    thread.start()
    thread.end(SECONDS)

    assert promise.result(0)
    assert numbers(tmp_path) == [1]
