"""What `make` says before BentoML can say anything."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.processes import ROOT


def make(home: Path) -> "subprocess.CompletedProcess[str]":
    """Makes BentoML's folders in a home."""
    return subprocess.run(
        ["make", ".home"],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_home_with_spaces_gets_bentomls_folders(tmp_path: Path) -> None:
    home = tmp_path / "a home"

    assert make(home).returncode == 0
    assert {one.name for one in home.iterdir()} == {"bentos", "models", "envs", "tmp"}


@pytest.mark.parametrize("kind", ["of the kernel", "a file"])
def test_a_home_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path, kind: str) -> None:
    home = Path("/proc/home") if kind == "of the kernel" else tmp_path / "file"
    if kind == "a file":
        home.touch()

    refused = make(home)

    assert refused.returncode
    assert f"BentoML cannot keep its files in {home}: name a folder" in refused.stderr
    assert "Traceback" not in refused.stderr
