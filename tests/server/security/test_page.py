"""docs/security.md: its commands, executed in their order."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import bentoml
import httpx

from deploy.processes import ROOT, START_DEADLINE_SECONDS, free_port, is_ready, wait_until
from tests.console import commands, run
from tests.copies import make_copy, reader_environment
from tests.server.test_readme import assert_like

PAGE = commands(ROOT / "docs" / "security.md")
SERVE = "MODEL_SERVER_KEYS=keys.json make serve"


def test_five_commands_lock_a_server(
    stored_models: dict[str, bentoml.Model], tmp_path: Path
) -> None:
    folder, home = make_copy(tmp_path / "clone"), tmp_path / "home"
    shutil.copytree(Path(os.environ["BENTOML_HOME"]) / "models", home / "models")
    port = free_port()
    ports = {"PORT": str(port), "GRPC_PORT": str(free_port())}
    environment = {**reader_environment(home), **ports}
    server, url = None, f"http://127.0.0.1:{port}"
    try:
        for command in PAGE:
            if command.line == SERVE:
                server = subprocess.Popen(
                    ["bash", "-c", command.line],
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
                wait_until(lambda: is_ready(url), START_DEADLINE_SECONDS, "it was not ready")
                continue
            line = command.line.replace("localhost:3000", f"localhost:{port}")
            output = run(line, folder, environment, timeout=120)
            listed = command.shown.startswith('{"models"')
            if not listed or json.loads(command.shown)["models"] == sorted(stored_models):
                assert_like(output.strip(), command.shown.strip())

        key = (folder / "shop.key").read_text().strip()
        wait_until(
            lambda: httpx.get(f"{url}/v2/models", headers={"X-API-Key": key}).status_code == 401,
            10,
            "the revoked key was let in",
        )
    finally:
        if server is not None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(START_DEADLINE_SECONDS)

    assert [command.line for command in PAGE].index(SERVE) == 1
