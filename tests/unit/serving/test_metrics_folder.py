"""Each server has a folder of metrics of its own, and leaves nothing behind."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bentoml.exceptions import BentoMLConfigException

from deploy.processes import ROOT
from serving import metrics_folder
from serving.metrics_folder import make_metrics_folder

PROGRAM = """
import sys
from serving.metrics_folder import make_metrics_folder
print(make_metrics_folder(), flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(temporary: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process that has made its folder, and ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files of this process, because somebody wishes so."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_running_process_keeps_its_folder_and_takes_it_along(temporary: Path) -> None:
    with holding(temporary) as (process, theirs):
        ours = make_metrics_folder()

        assert set(temporary.iterdir()) == {theirs, ours}
        process.communicate()
        assert process.returncode == 0
    assert list(temporary.iterdir()) == [ours]


def test_the_folder_of_a_killed_process_is_removed_at_the_next_start(temporary: Path) -> None:
    with holding(temporary) as (process, theirs):
        (theirs / "counter_1.db").touch()
        process.kill()
        process.wait()
        assert theirs.is_dir()

        ours = make_metrics_folder()

    assert list(temporary.iterdir()) == [ours]


def test_folders_of_others_are_left_alone(temporary: Path) -> None:
    (temporary / "other").mkdir()
    (temporary / "model-server-metrics-link").symlink_to(temporary / "other")

    make_metrics_folder()

    assert (temporary / "other").is_dir()


def test_it_lies_in_shared_memory_unless_somebody_names_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, temporary = tmp_path / "shared", tmp_path / "temporary"
    shared.mkdir()
    temporary.mkdir()
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(metrics_folder, "_SHARED_MEMORY", shared)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    assert make_metrics_folder().parent == shared
    shared.rename(tmp_path / "gone")
    assert make_metrics_folder().parent == temporary
    temporary.rename(tmp_path / "gone too")
    with pytest.raises(BentoMLConfigException) as refused:
        make_metrics_folder()
    assert str(refused.value) == (
        f"The workers' metrics cannot be shared in {shared} (No such file or directory) or "
        f"{temporary} (No such file or directory): make room there, or name another folder in "
        "TMPDIR."
    )
