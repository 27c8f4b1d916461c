"""What workers tell of themselves: by whom it is believed, and for how long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.servers import (
    FOLDER,
    ModelState,
    ServerFolder,
    Target,
    WorkerState,
    server_folders,
)

JOIN = """
import sys
from pathlib import Path
from framework.servers import ServerFolder, ModelState, WorkerState
folder = ServerFolder(Path(sys.argv[1]))
folder.join(sys.argv[2])
folder.write(sys.argv[2], WorkerState(models={"wine": ModelState(tag=sys.argv[3])}))
print("there", flush=True)
input()
"""


def serving(tag: str) -> WorkerState:
    """A worker of one model."""
    return WorkerState(models={"wine": ModelState(tag=tag)})


@pytest.fixture
def folder(tmp_path: Path) -> ServerFolder:
    """The folder of a server."""
    found = ServerFolder.of_worker(tmp_path, Path("/dev/shm/model-server-metrics-abc"))
    assert found is not None
    assert found.path == tmp_path / FOLDER / "model-server-metrics-abc"
    return found


def test_a_worker_is_believed_as_long_as_its_process_lives(folder: ServerFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", JOIN, str(folder.path), "7", "wine:2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "there\n"
        folder.write("8", serving("wine:1"))
        assert folder.living() == {"7": serving("wine:2")}
        # The one that lives is first, though the other has written later.
        assert folder.latest() == [serving("wine:2"), serving("wine:1")]
        other.kill()

    assert folder.living() == {}
    assert sorted(str(one.models["wine"].tag) for one in folder.latest()) == ["wine:1", "wine:2"]


def test_what_cannot_be_read_is_left_out(folder: ServerFolder) -> None:
    (folder.path / "1.json").write_text('{"models": {"wine"')
    (folder.path / "2.json").write_text('{"models": {"wine": {"tag": 7}}}')
    descriptors = [folder.join(name) for name in ("1", "2", "3")]

    assert folder.latest() == []
    assert folder.living() == {}
    for one in descriptors:
        os.close(one)


def test_orders_are_numbered(folder: ServerFolder) -> None:
    assert folder.orders().models == {}

    first = folder.order("wine", "wine:1", event=4)
    second = folder.order("tea", None, event=0)
    third = folder.order("wine", "wine:2", event=4)

    assert (first.order, second.order, third.order) == (1, 2, 3)
    assert folder.orders().models == {
        "wine": Target(tag="wine:2", event=4, order=3),
        "tea": Target(tag=None, event=0, order=2),
    }
    assert folder.latest() == []


def test_only_a_folder_that_nobody_uses_any_more_is_removed(
    folder: ServerFolder, tmp_path: Path
) -> None:
    folder.write("1", serving("wine:1"))
    folder.remove_if_forgotten()
    assert [one.path for one in server_folders(tmp_path)] == [folder.path]

    os.utime(folder.path, (0, 0))
    folder.remove_if_forgotten()
    assert server_folders(tmp_path) == []


def test_a_home_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    shared = tmp_path / "shared"
    shared.mkdir()

    found = ServerFolder.of_worker(tmp_path, shared)
    assert found is not None
    assert found.path == shared / FOLDER
    assert ServerFolder.of_worker(tmp_path, None) is None
