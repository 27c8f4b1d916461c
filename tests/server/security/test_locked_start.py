"""A server starts open on this machine alone, unless somebody says otherwise."""

import socket
from pathlib import Path

import pytest

from security.commands import create_key
from tests.processes import Server
from tests.server.starting import PLANE, start_refused

pytestmark = pytest.mark.usefixtures("toys_served")
EVERYWHERE = ("--host", "0.0.0.0", "--port", "0")


def test_an_open_server_does_not_start_where_others_could_reach_it() -> None:
    told = start_refused({}, *EVERYWHERE, target=PLANE)

    assert "Anybody could ask this server everything (HTTP on 0.0.0.0:0)" in told
    assert "MODEL_SERVER_KEYS=FILE" in told
    assert "MODEL_SERVER_OPEN=true" in told


def test_nor_does_its_grpc() -> None:
    environment = {"MODEL_SERVER_GRPC_PORT": "1", "MODEL_SERVER_GRPC_HOST": "0.0.0.0"}

    assert "gRPC on 0.0.0.0:1" in start_refused(environment, target=PLANE)


def test_what_excludes_each_other_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    create_key(path, "somebody", ["*"], None)
    environment = {"MODEL_SERVER_KEYS": str(path)}

    both = start_refused({**environment, "MODEL_SERVER_OPEN": "true"}, target=PLANE)
    slow = start_refused({**environment, "MODEL_SERVER_FAST_PATH": "false"}, target=PLANE)
    path.chmod(0o622)
    written = start_refused(environment, target=PLANE)
    path.unlink()
    missing = start_refused(environment, target=PLANE)

    assert "MODEL_SERVER_OPEN=true and MODEL_SERVER_KEYS exclude each other" in both
    assert "MODEL_SERVER_KEYS needs MODEL_SERVER_FAST_PATH=true" in slow
    assert f"can be written by others than its owner: chmod 600 {path}" in written
    assert f"MODEL_SERVER_KEYS: {path} is missing: `python -m security create-key" in missing


def test_an_open_server_says_so_and_listens_on_loopback_alone() -> None:
    with Server.start(PLANE) as server:
        _, _, port = server.url.rpartition(":")
        _, _, grpc_port = server.grpc.rpartition(":")
        addresses = {one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None)}
        output = server.output()
        for other in addresses - {"127.0.0.1", "127.0.1.1", "::1"}:
            for taken in (port, grpc_port):
                with pytest.raises(OSError):
                    socket.create_connection((str(other), int(taken)), timeout=2).close()

    told = [line for line in output.splitlines() if "Anybody may ask" in line]
    assert len(told) == 1
    assert f"HTTP on 127.0.0.1:{port}, gRPC on 127.0.0.1:{grpc_port}" in told[0]
