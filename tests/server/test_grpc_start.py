"""Starting gRPC: encrypted or not, switched off, and when it cannot."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bentoml
import grpc
import httpx
import pytest

from deploy.processes import free_port
from models.attrition import attrition_pb2, attrition_pb2_grpc
from tests.contract.cases import EMPLOYEE
from tests.processes import Server
from tests.server.test_start import start_refused
from tests.tools import require_tool

REQUEST = attrition_pb2.EmployeesRequest(employees=[EMPLOYEE])


@dataclass
class Pair:
    """A certificate for localhost, signed by itself, and its key."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> "Pair":
        """Makes one."""
        pair = cls(folder / f"{name}.crt", folder / f"{name}.key")
        options = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(pair.key), "-out", str(pair.certificate)]
        subprocess.run(
            [require_tool("openssl"), "req", *options.split(), *names, *files],
            check=True,
            capture_output=True,
            timeout=60,
        )
        return pair

    @property
    def environment(self) -> dict[str, str]:
        """The settings that name them."""
        return {
            "MODEL_SERVER_TLS_CERTIFICATE": str(self.certificate),
            "MODEL_SERVER_TLS_KEY": str(self.key),
        }


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """Two certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    return Pair.make(folder, "one"), Pair.make(folder, "other")


@pytest.fixture(scope="module")
def encrypted(
    stored_models: dict[str, bentoml.Model], pairs: tuple[Pair, Pair]
) -> Iterator[Server]:
    """The real service with a certificate."""
    with Server.start(environment=pairs[0].environment, certificate=pairs[0].certificate) as server:
        yield server


def test_both_ports_are_encrypted(encrypted: Server, pairs: tuple[Pair, Pair]) -> None:
    trusting = ssl.create_default_context(cafile=pairs[0].certificate)
    content = {"employees": [EMPLOYEE]}
    over_http = httpx.post(f"{encrypted.url}/attrition/predict", json=content, verify=trusting)
    credentials = grpc.ssl_channel_credentials(pairs[0].certificate.read_bytes())
    with grpc.secure_channel(encrypted.grpc, credentials) as channel:
        over_grpc = attrition_pb2_grpc.AttritionServiceStub(channel).Predict(REQUEST, timeout=10)

    assert encrypted.url.startswith("https://")
    assert [over_grpc.predictions[0].probability] == [
        answer["probability"] for answer in over_http.json()
    ]


def test_neither_port_answers_in_clear(encrypted: Server) -> None:
    with grpc.insecure_channel(encrypted.grpc) as channel, pytest.raises(grpc.RpcError) as failed:
        attrition_pb2_grpc.AttritionServiceStub(channel).Predict(REQUEST, timeout=5)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{encrypted.url.replace('https', 'http')}/readyz")

    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_key_of_another_certificate_stops_the_start(
    stored_models: dict[str, bentoml.Model], pairs: tuple[Pair, Pair]
) -> None:
    mixed = {**pairs[0].environment, "MODEL_SERVER_TLS_KEY": str(pairs[1].key)}

    output = start_refused(mixed)

    assert "MODEL_SERVER_TLS_KEY" in output
    assert "cannot be used: [X509: KEY_VALUES_MISMATCH]" in output
    assert "Traceback" not in output


def test_a_port_in_use_stops_the_start(stored_models: dict[str, bentoml.Model]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = start_refused({"MODEL_SERVER_GRPC_PORT": str(port)})

    assert f"gRPC cannot listen on 0.0.0.0:{port} (Address already in use)" in output
    assert "GRPC_PORT=0" in output
    assert "Traceback" not in output


def test_a_second_server_does_not_share_the_port(server: Server) -> None:
    output = start_refused({"MODEL_SERVER_GRPC_PORT": server.grpc.split(":")[1]})

    assert "gRPC cannot listen on" in output


def test_grpc_can_be_switched_off(stored_models: dict[str, bentoml.Model]) -> None:
    port = free_port()
    environment = {"MODEL_SERVER_GRPC_PORT": "0", "GRPC_PORT": str(port)}
    with Server.start(environment=environment) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
