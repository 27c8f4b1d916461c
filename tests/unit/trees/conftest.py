"""The compiled kernel, which needs a C compiler."""

import shutil
from pathlib import Path

import pytest

from framework.trees import compiler, library
from tests.tools import require_tool


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the kernel, compiled anew."""
    require_tool("cc")
    folder = tmp_path_factory.mktemp("compiled")
    compiler.compiled_into(folder)
    return folder


@pytest.fixture(scope="session")
def kernel(compiled: Path) -> library.Kernel:
    """The kernel."""
    return library.load([compiled])


@pytest.fixture
def folder(compiled: Path, tmp_path: Path) -> Path:
    """A folder of the test's own, with the compiled kernel."""
    return Path(shutil.copytree(compiled, tmp_path / "compiled"))
