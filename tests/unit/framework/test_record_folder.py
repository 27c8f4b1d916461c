"""The record's folder: names, order, owners."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from framework.record.folder import RecordFolder, held, new_spool_file

WRITER = """
import sys, time
from pathlib import Path
from framework.record.folder import new_spool_file
print(new_spool_file(Path(sys.argv[1]), 7)[0], flush=True)
time.sleep(60)
"""


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path / "deep" / "record")
    folder.create()
    path, descriptor = new_spool_file(folder.spool, 1)
    os.close(descriptor)

    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.spool.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    folder.create()
    folder.create()

    assert folder.spool_files() == []


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("")

    with pytest.raises(FileExistsError):
        RecordFolder(tmp_path / "record").create()


def test_files_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    folder.create()
    for name in ("b-1-10.log", "a-1-9.log.open", "c-2-9.log", "other.txt", "x.log.open.new"):
        (folder.spool / name).write_bytes(b"12")

    files = folder.spool_files()

    assert [(file.stem, file.is_open, file.size) for file in files] == [
        ("a-1-9", True, 2),
        ("c-2-9", False, 2),
        ("b-1-10", False, 2),
    ]
    assert files[0].started_ns == 9


def test_a_file_is_held_by_its_writer_until_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        path = Path(writer.stdout.readline().strip())
        with held(path) as is_mine:
            assert not is_mine
        writer.kill()
        writer.wait()

    with held(path) as is_mine:
        assert is_mine


def test_a_file_that_is_gone_cannot_be_held(tmp_path: Path) -> None:
    with held(tmp_path / "gone.log") as is_mine:
        assert not is_mine
