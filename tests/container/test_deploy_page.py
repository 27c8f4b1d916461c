"""The commands of docs/deploy.md, executed in their order on one machine."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from deploy.engine import Engine
from tests.conftest import ROOT
from tests.console import commands, run
from tests.processes import free_port

COMMANDS = commands(ROOT / "docs" / "deploy.md")
LOCAL = [
    command
    for command in COMMANDS
    if "*needs a cluster:*" not in command.before.lower()
    and "kubectl get --raw" not in command.line
]
NAME = "model-server-page"


def test_only_commands_for_a_cluster_are_left_out() -> None:
    left_out = [command.line for command in COMMANDS if command not in LOCAL]

    assert len(left_out) < len(COMMANDS) / 2
    assert all(line.startswith("kubectl") for line in left_out)


def test_the_commands_of_the_page_work(engine: Engine, image: str) -> None:
    if engine.name != "podman" or not shutil.which("kubectl"):
        pytest.skip("the page's commands need podman and kubectl")
    # Names and ports of the test's own, so that nothing else on the machine is touched.
    own = {
        "model-server:0.1.0": f"{NAME}:0.1.0",
        '--tag 0.1.0"': f'--tag 0.1.0 --name {NAME}"',
        "--name model-server ": f"--name {NAME} ",
        "127.0.0.1:3000": f"127.0.0.1:{free_port()}",
        "127.0.0.1:3001": f"127.0.0.1:{free_port()}",
    }
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}:/usr/sbin"}
    try:
        for command in LOCAL:
            line = command.line
            for shown, used in own.items():
                line = line.replace(shown, used)
            line = re.sub(
                r"(podman (?:exec|stop|inspect|rm|healthcheck run)\b.*?) model-server\b(?!:)",
                rf"\1 {NAME}",
                line,
            )
            output = run(line, ROOT, environment)
            if "ExitCode" in line:
                assert output.strip() == "0"
    finally:
        engine.succeeds("rm", "--force", NAME)
        engine.succeeds("rmi", "--force", f"{NAME}:0.1.0")
