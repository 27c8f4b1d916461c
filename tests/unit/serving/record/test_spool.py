"""The files of the record: closed in time, kept within bounds, given up where they are gone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from framework.record.folder import RecordFolder
from framework.record.frames import frame
from serving.record.spool import LostError, Spool, SpoolLimits
from tests.unit.serving.record.entries import entry, numbers

SMALL = SpoolLimits(total_bytes=80_000, file_seconds=600)

FULL = """
import errno, resource, sys
from pathlib import Path
from framework.record.folder import RecordFolder
from framework.record.frames import frame
from serving.record.spool import Spool, SpoolLimits
from tests.unit.serving.record.entries import entry
folder = RecordFolder(Path(sys.argv[1]))
folder.create()
spool = Spool(folder, SpoolLimits(2**30, 600))
spool.append(frame([entry(1)]))
size = folder.spool_files()[0].size
for limit in (size + 50, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        spool.append(frame([entry(2, 1_000)]))
    except OSError as error:
        print(errno.errorcode[error.errno])
    assert folder.spool_files()[0].size == size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append(frame([entry(3)]))
spool.close_file()
"""


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    made = RecordFolder(tmp_path / "record")
    made.create()
    return made


def names(folder: RecordFolder) -> list[str]:
    return [file.path.suffix for file in folder.spool_files()]


def test_a_file_is_written_and_closed_by_a_new_name(folder: RecordFolder) -> None:
    spool = Spool(folder, SMALL)
    spool.append(frame([entry(1), entry(2)]))
    assert names(folder) == [".open"]
    spool.append(frame([entry(3)]))
    spool.close_file()

    assert names(folder) == [".log"]
    assert numbers(folder.root) == [1, 2, 3]
    assert spool.written_bytes == folder.spool_files()[0].size
    spool.close_file()


def test_a_large_file_is_closed(folder: RecordFolder) -> None:
    spool = Spool(folder, SMALL)
    for number in range(3):
        spool.append(frame([entry(number, SMALL.file_bytes)]))

    assert names(folder) == [".log"] * 3


def test_an_old_file_is_closed(folder: RecordFolder) -> None:
    spool = Spool(folder, SpoolLimits(total_bytes=80_000, file_seconds=0))
    spool.append(frame([entry(1)]))
    spool.look_after()

    assert names(folder) == [".log"]


def test_the_oldest_files_make_room_and_are_counted(folder: RecordFolder) -> None:
    spool = Spool(folder, SMALL)
    for number in range(0, 20, 2):
        spool.append(frame([entry(number), entry(number + 1, SMALL.file_bytes)]))
    spool.append(frame([entry(20)]))
    total = sum(file.size for file in folder.spool_files())
    assert total > SMALL.total_bytes

    spool.look_after()

    assert spool.crowded_out == 6
    assert numbers(folder.root) == list(range(6, 21))
    assert spool.spool_bytes == sum(file.size for file in folder.spool_files())
    assert spool.oldest_ns == folder.spool_files()[0].started_ns


def test_what_cannot_be_written_whole_is_not_written(tmp_path: Path) -> None:
    tried = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "record"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, tried.stderr
    # A frame of which some would fit, and one of which nothing would.
    assert tried.stdout.split() == ["ENOSPC", "EFBIG"]
    assert numbers(tmp_path / "record") == [1, 3]


def test_a_file_that_is_gone_is_noticed_with_what_it_held(folder: RecordFolder) -> None:
    spool = Spool(folder, SMALL)
    spool.append(frame([entry(1)]))
    spool.look_after()
    spool.append(frame([entry(2), entry(3)]))
    shutil.rmtree(folder.root)

    with pytest.raises(LostError) as lost:
        spool.look_after()

    assert lost.value.entries == 2
    # The folder itself may have been mounted: it is not made anew …
    with pytest.raises(FileNotFoundError):
        spool.append(frame([entry(4)]))
    assert not folder.root.exists()
    folder.root.mkdir()
    # … but what is below it is.
    spool.append(frame([entry(5)]))
    spool.close_file()
    assert numbers(folder.root) == [5]


def test_no_descriptor_is_left_behind(folder: RecordFolder) -> None:
    spool = Spool(folder, SMALL)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(5):
        spool.append(frame([entry(number)]))
        spool.close_file()
    spool.append(frame([entry(5)]))
    folder.spool_files()[-1].path.unlink()
    with pytest.raises(LostError):
        spool.close_file()

    assert len(list(Path("/proc/self/fd").iterdir())) == before
