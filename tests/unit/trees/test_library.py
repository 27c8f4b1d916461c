"""The compiled kernel is made whole or not at all, and loaded if nobody can have changed it."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framework.trees import compiler, library
from tests.tools import require_tool

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


def require_refused(folder: Path, reason: str) -> None:
    """The reason names files, which is not for everyone."""
    with pytest.raises(library.NoLibraryError, match="may not be loaded") as raised:
        library.load([folder])
    assert str(folder) not in str(raised.value)
    (place,) = raised.value.places
    assert re.search(reason, place)


def library_in(folder: Path) -> Path:
    (found,) = folder.glob("*.so")
    return found


def test_is_compiled_once(folder: Path) -> None:
    first = library_in(folder)
    written = first.stat().st_mtime_ns

    assert compiler.compiled_into(folder) == first
    assert first.stat().st_mtime_ns == written
    assert [*folder.iterdir()] == [first]


def test_the_same_compiler_makes_the_same_library(folder: Path, tmp_path: Path) -> None:
    other = compiler.compiled_into(tmp_path / "other")
    assert other.name == library_in(folder).name


def test_loads_what_was_compiled(folder: Path) -> None:
    assert library.load([folder.with_name("absent"), folder])


def test_a_compiler_without_warnings(tmp_path: Path) -> None:
    command = [
        require_tool("cc"),
        "-std=gnu11",
        "-O3",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fPIC",
        "-shared",
    ]
    subprocess.run([*command, compiler.SOURCE, "-o", tmp_path / "k.so", "-lm"], check=True)


def test_is_compiled_by_a_bare_python(tmp_path: Path) -> None:
    """As in the stage of an image that has a compiler, and none of our packages."""
    shutil.copytree(compiler.SOURCE.parent, tmp_path / "trees")
    script = tmp_path / "trees" / "compiler.py"
    subprocess.run([sys.executable, "-I", "-S", script, tmp_path / "made"], check=True)
    assert library.load([tmp_path / "made"])


def test_needs_no_more_than_the_oldest_processor_of_its_kind(folder: Path) -> None:
    """Instructions on registers that only later processors have name them."""
    code = subprocess.run(
        [require_tool("objdump"), "-d", library_in(folder)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "score" in code
    assert "%ymm" not in code
    assert "%zmm" not in code


def test_without_a_compiler_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(compiler.CompileError, match=r"no C compiler \(apt-get install gcc"):
        compiler.compiled_into(tmp_path / "compiled")
    assert not (tmp_path / "compiled").exists()


def test_a_compiler_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exec echo 1.0\necho no space >&2\nexit 1')
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(compiler.CompileError, match="cc fails: no space"):
        compiler.compiled_into(tmp_path / "compiled")
    assert [*(tmp_path / "compiled").iterdir()] == []


def test_a_compiler_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "cc"
    endless.write_text("#!/bin/sh\nexec tail -f /dev/null")
    endless.chmod(0o755)
    monkeypatch.setenv("CC", str(endless))
    monkeypatch.setattr(compiler, "_SECONDS", 0.2)
    with pytest.raises(compiler.CompileError, match=r"cc fails: .*timed out"):
        compiler.compiled_into(tmp_path / "compiled")


def test_another_processor_is_said_to_be_none_of_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(library.NoLibraryError, match="x86_64 and aarch64, not riscv64"):
        library.load([folder])


def test_where_there_is_none_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(library.NoLibraryError, match=r"no compiled code \(`make compile`"):
        library.load([tmp_path])


def test_another_kernels_library_is_not_loaded(folder: Path) -> None:
    found = library_in(folder)
    _, source, rest = found.name.split("-", 2)
    found.rename(folder / f"trees-{source[::-1]}-{rest}")
    with pytest.raises(library.NoLibraryError, match="no compiled code"):
        library.load([folder])


def test_a_changed_library_is_not_loaded_and_made_anew(folder: Path) -> None:
    found = library_in(folder)
    with found.open("ab") as file:
        file.write(b"more")
    require_refused(folder, "has changed")

    compiler.compiled_into(folder)

    assert library.load([folder])


def test_a_cut_library_is_not_loaded(folder: Path) -> None:
    found = library_in(folder)
    os.truncate(found, found.stat().st_size // 2)
    require_refused(folder, "has changed")


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_a_file_that_others_can_write_is_not_loaded(folder: Path, mode: int) -> None:
    library_in(folder).chmod(mode)
    require_refused(folder, r"trees-.*\.so can be written by others")


@pytest.mark.parametrize("above", [0, 1])
def test_a_file_below_a_folder_that_others_can_write_is_not_loaded(
    folder: Path, above: int
) -> None:
    (folder, folder.parent)[above].chmod(0o757)
    require_refused(folder, "can be written by others")


def test_a_link_is_judged_by_where_it_leads(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / library_in(folder).name).symlink_to(library_in(folder))
    assert library.load([elsewhere])

    folder.chmod(0o757)

    require_refused(elsewhere, "can be written by others")


@AS_ROOT
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_not_loaded(folder: Path, what: str) -> None:
    os.chown(folder if what == "folder" else library_in(folder), 12345, -1)
    require_refused(folder, "can be written by others")


@AS_ROOT
def test_what_a_group_can_write_is_not_loaded(folder: Path) -> None:
    os.chown(library_in(folder), -1, 12345)
    library_in(folder).chmod(0o664)
    require_refused(folder, "can be written by others")


def test_the_next_folder_is_tried_where_one_is_unfit(folder: Path, tmp_path: Path) -> None:
    compiler.compiled_into(tmp_path / "other")
    library_in(folder).chmod(0o666)
    assert library.load([folder, tmp_path / "other"])
