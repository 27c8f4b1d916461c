"""The page on adding a model, executed from top to bottom in a copy of the repository."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.processes import ROOT, START_DEADLINE_SECONDS, free_port, is_ready, wait_until
from tests.console import commands, run
from tests.copies import make_copy, reader_environment
from tests.server.test_readme import assert_like

pytestmark = pytest.mark.copy
PAGE = ROOT / "docs" / "add-a-model.md"
SERVE = "make serve"
_FILE = re.compile(r"^`([^`\n]+)`:\n\n```python\n(.*?)```", re.DOTALL | re.MULTILINE)


@contextmanager
def served(line: str, folder: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Runs the page's server; yields its addresses on the page, and what they are here."""
    port, grpc_port = free_port(), free_port()
    process = subprocess.Popen(
        ["bash", "-c", f"exec env {line}"],
        cwd=folder,
        env={**environment, "PORT": str(port), "GRPC_PORT": str(grpc_port)},
        start_new_session=True,
    )

    def ready() -> bool:
        assert process.poll() is None, f"{line} has ended"
        return is_ready(f"http://127.0.0.1:{port}")

    try:
        wait_until(ready, START_DEADLINE_SECONDS, f"{line} was not ready")
        yield {"localhost:3000": f"localhost:{port}"}
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(START_DEADLINE_SECONDS)


def test_the_page_does_what_it_shows(tmp_path: Path) -> None:
    folder = make_copy(tmp_path / "copy")
    environment = reader_environment(tmp_path / "home")
    for name, code in _FILE.findall(PAGE.read_text(encoding="utf-8")):
        folder.joinpath(name).parent.mkdir(parents=True)
        folder.joinpath(name).write_text(code, encoding="utf-8")
    before = (ROOT / "service.py").read_bytes()
    found = commands(PAGE)
    at = next(index for index, command in enumerate(found) if SERVE in command.line)
    asked = [command for command in found[at + 1 :] if command.line.startswith("curl")]
    rest = found[at + 1 + len(asked) :]
    assert asked
    assert rest

    for command in found[:at]:
        assert_like(
            run(command.line, folder, environment, timeout=300).strip(), command.shown.strip()
        )
    with served(found[at].line, folder, environment) as addresses:
        for command in asked:
            line = re.sub("|".join(addresses), lambda one: addresses[one[0]], command.line)
            assert_like(run(line, folder, environment, timeout=60), command.shown.strip())
    for command in rest:
        assert_like(
            run(command.line, folder, environment, timeout=60).strip(), command.shown.strip()
        )
    assert (folder / "service.py").read_bytes() == before


def test_the_model_by_hand_is_short_and_formatted() -> None:
    ((name, code),) = _FILE.findall(PAGE.read_text(encoding="utf-8"))

    assert len(code.splitlines()) <= 60
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [ROOT / ".venv" / "bin" / "ruff", *command, "--stdin-filename", name, "-"],
            cwd=ROOT,
            input=code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
