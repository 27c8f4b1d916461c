"""A machine without LightGBM's OpenMP runtime."""

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from framework.openmp import LIBRARY, MissingOpenMPError, require_openmp

SENTENCE = "LightGBM needs the OpenMP runtime libgomp.so.1: apt-get install libgomp1"


def test_a_missing_runtime_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ctypes, "CDLL", refuse)

    with pytest.raises(MissingOpenMPError) as missing:
        require_openmp()
    assert str(missing.value) == SENTENCE


def test_it_is_the_library_that_lightgbm_asks_for() -> None:
    package = importlib.util.find_spec("lightgbm")
    assert package is not None
    assert package.origin is not None
    (library,) = Path(package.origin).parent.rglob("lib_lightgbm.so")

    assert LIBRARY.encode() in library.read_bytes()
    require_openmp()


def test_the_test_run_ends_with_the_sentence(tmp_path: Path) -> None:
    # A plugin of this kind is loaded behind those that pytest must see first.
    (tmp_path / "lacking.py").write_text(
        "import framework.openmp\nframework.openmp.LIBRARY = 'libnowhere.so.1'\n"
    )

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/unit/framework"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "", "PYTEST_PLUGINS": "lacking"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert run.stderr.strip() == (
        "ERROR: LightGBM needs the OpenMP runtime libnowhere.so.1: apt-get install libgomp1"
    )
