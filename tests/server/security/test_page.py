"""docs/security.md: its commands, executed in their order."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import bentoml
import pytest

from deploy.processes import START_DEADLINE_SECONDS, free_port, is_ready, wait_until
from tests.console import run
from tests.copies import make_copy, reader_environment
from tests.server.security.page import OTHERS, SERVE, lock
from tests.server.test_readme import assert_like
from tests.server.transport.proxies import proxy


@pytest.fixture
def reader(tmp_path: Path, stored_models: dict[str, bentoml.Model]) -> tuple[Path, dict[str, str]]:
    """A clone, and the environment of whoever made it, with ports of the test's own."""
    home = tmp_path / "home"
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", home / "models")
    ports = {"PORT": str(free_port()), "GRPC_PORT": str(free_port())}
    return make_copy(tmp_path / "clone"), {**reader_environment(home), **ports}


def test_five_commands_lock_a_server(
    reader: tuple[Path, dict[str, str]], stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    folder, environment = reader
    with contextlib.ExitStack() as stack:

        def end(server: subprocess.Popen[bytes]) -> None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(START_DEADLINE_SECONDS)

        def serve() -> Sequence[str]:
            command = ["bash", "-c", SERVE.line]
            server = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
            stack.callback(end, server)
            own = f"localhost:{environment['PORT']}"
            wait_until(
                lambda: is_ready(f"http://{own}"), START_DEADLINE_SECONDS, "it was not ready"
            )
            before = [
                stack.enter_context(proxy(name, f"http://{own}", tmp_path))[0]
                for name in ("haproxy", "nginx")
            ]
            return [own, *(urlsplit(url).netloc for url in before)]

        lock(folder, environment, serve, stored_models)
        for command in OTHERS:
            told = run(command.line, folder, environment, timeout=120)
            assert_like(told.strip(), command.shown.strip())
