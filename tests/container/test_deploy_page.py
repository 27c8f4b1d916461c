"""The commands of docs/deploy.md, executed in their order on one machine."""

import os
import re

from deploy.engine import Engine
from deploy.processes import ROOT, free_port
from tests.console import commands, run
from tests.container.pods import require_podman
from tests.tools import require_tool, search_path

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
    require_podman(engine)
    require_tool("kubectl")
    require_tool("haproxy")
    # Names and ports of the test's own, so that nothing else on the machine is touched.
    own = {
        "model-server:0.1.0": f"{NAME}:0.1.0",
        '--tag 0.1.0"': f'--tag 0.1.0 --name {NAME}"',
        "--name model-server ": f"--name {NAME} ",
        "monitor-image ": f"monitor-image --name {NAME}-monitor ",
        "127.0.0.1:3000": f"127.0.0.1:{free_port()}",
        "127.0.0.1:3001": f"127.0.0.1:{free_port()}",
    }
    environment = {**os.environ, "PATH": search_path()}
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
        engine.succeeds("rmi", "--force", f"{NAME}-monitor:0.1.0", f"{NAME}:0.1.0")
