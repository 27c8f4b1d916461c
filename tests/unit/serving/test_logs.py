"""The log file: written by several processes, begun anew by any of them."""

import logging
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from concurrent_log_handler import ConcurrentRotatingFileHandler

from framework.adapters.bentoml_logs import HANDLED, TraceRecordFilter
from serving import logs
from serving.settings import Settings

LINES, WRITERS = 400, 3


def write(path: Path, writer: int) -> None:
    """Writes many lines, some of which begin the file anew."""
    handler = logs._opened(path, logging.NullHandler())
    for number in range(LINES):
        record = logging.LogRecord("x", logging.INFO, "", 0, "%d-%d", (writer, number), None)
        record.component = "[test]"
        handler.handle(record)
    handler.close()


def test_no_line_is_lost_when_several_processes_begin_the_file_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 64 * 1024)
    context = multiprocessing.get_context("fork")
    path = tmp_path / "server.log"

    writers = [context.Process(target=write, args=(path, number)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    files = sorted(tmp_path.glob("server.log*"))
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    assert len(files) > 1
    told = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert len(told) == len(set(told)) == LINES * WRITERS
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, with a server's handler and one of the author's."""
    logger = logging.getLogger()
    before = {name: list(logging.getLogger(name).handlers) for name in HANDLED}
    handler = logging.StreamHandler()
    handler.addFilter(TraceRecordFilter())
    logger.addHandler(handler)
    logger.addHandler(logging.NullHandler())
    yield logger
    for name, handlers in before.items():
        for one in [*logging.getLogger(name).handlers]:
            if one not in handlers:
                logging.getLogger(name).removeHandler(one)
                one.close()


def test_a_handler_of_the_authors_does_not_keep_the_file_away(
    root: logging.Logger, tmp_path: Path
) -> None:
    settings = Settings(log_file=tmp_path / "server.log")

    logs.configure_logs(settings)
    logs.configure_logs(settings)

    files = [one for one in root.handlers if isinstance(one, ConcurrentRotatingFileHandler)]
    assert len(files) == 1
