"""What becomes of a test whose program is missing."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from deploy.processes import ROOT
from tests import tools


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with no program of the list."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(tools, "ADMINISTRATION", str(tmp_path))
    monkeypatch.setattr(tools, "DATABASES", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(("name", "command"), tools.INSTALL.items())
def test_it_is_skipped_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception) as skipped:
        tools.require_tool(name)
    assert skipped.value.msg == f"{name} is not on the PATH: {command}"


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(("name", "command"), tools.INSTALL.items())
def test_it_fails_in_ci(monkeypatch: pytest.MonkeyPatch, name: str, command: str) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception) as failed:
        tools.require_tool(name)
    assert failed.value.msg == f"{name} is not on the PATH: {command}"


def test_a_program_that_is_there_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "haproxy"
    program.symlink_to(shutil.which("true") or "")
    monkeypatch.setattr(tools, "ADMINISTRATION", str(tmp_path))
    monkeypatch.setattr(tools, "DATABASES", tmp_path)
    monkeypatch.setenv("PATH", "")

    assert tools.require_tool("haproxy") == str(program)


def test_ci_installs_every_program() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    packages = set(re.findall(r"[\w-]+", " ".join(re.findall(r"packages\+=\(([^)]*)", script))))

    assert "export CI=true" in script
    for command in (*tools.INSTALL.values(), "apt-get install libgomp1"):
        package = command.removeprefix("apt-get install ")
        assert package in packages or command in script
