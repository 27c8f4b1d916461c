"""The commands of docs/deploy.md, executed in their order on one machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.engine import Engine
from tests.conftest import ROOT
from tests.processes import free_port

PAGE = (ROOT / "docs" / "deploy.md").read_text()
NAME = "model-server-page"


def commands() -> list[str]:
    """The page's commands, less those that need a cluster."""
    found = []
    for before, block in re.findall(r"([^\n]*)\n+```console\n(.*?)```", PAGE, re.DOTALL):
        if "*needs a cluster:*" not in before.lower() and "kubectl get --raw" not in block:
            found += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return found


def test_only_commands_for_a_cluster_are_left_out() -> None:
    everything = [line[2:] for line in PAGE.splitlines() if line.startswith("$ ")]
    left_out = [line for line in everything if line not in commands()]

    assert len(left_out) < len(everything) / 2
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
        for command in commands():
            line = command
            for shown, used in own.items():
                line = line.replace(shown, used)
            line = re.sub(
                r"(podman (?:exec|stop|inspect|rm|healthcheck run)\b.*?) model-server\b(?!:)",
                rf"\1 {NAME}",
                line,
            )
            ran = subprocess.run(
                ["bash", "-c", line],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
            if "ExitCode" in line:
                assert ran.stdout.strip() == "0"
    finally:
        engine.succeeds("rm", "--force", NAME)
        engine.succeeds("rmi", "--force", f"{NAME}:0.1.0")
