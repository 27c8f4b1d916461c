"""The console blocks of a page: commands, what is shown under them, and how they are run."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"([^\n]*)\n+```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    line: str
    shown: str
    """The output under it; `…` stands for anything."""

    before: str
    """The line of text before its block."""


def commands(page: Path) -> list[Command]:
    """Returns the commands of a page, in their order."""
    found = []
    for before, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for chunk in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            # A backslash continues a command on the next line.
            line, shown = re.split(r"(?<!\\)\n", chunk, maxsplit=1)
            found.append(Command(line, shown, before))
    return found


def run(line: str, folder: Path, environment: dict[str, str], timeout: float | None = None) -> str:
    """Runs a command, which must succeed, and returns what it wrote to its standard output."""
    ran = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout
