"""Starting gRPC: encrypted or not, switched off, and when it cannot."""

import contextlib
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
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass

from deploy.processes import free_port
from framework.discovery import find_models
from tests.plugin import pinned
from tests.processes import Server
from tests.server.starting import PLANE, start_refused
from tests.tools import require_tool

MODEL = find_models("tests.server.toy_models")["gauges"]
BODY = {MODEL.rows: MODEL.sample[:1]}

pytestmark = pytest.mark.usefixtures("toys_served")


def predict(channel: grpc.Channel) -> list[dict[str, object]]:
    """Asks the model over gRPC; returns its answers as JSON has them."""
    assert MODEL.descriptor is not None
    (service,) = MODEL.descriptor.services_by_name.values()
    method = service.methods_by_name["Predict"]
    call = channel.unary_unary(
        f"/{service.full_name}/{method.name}",
        GetMessageClass(method.input_type).SerializeToString,
        GetMessageClass(method.output_type).FromString,
    )
    answer = call(ParseDict(BODY, GetMessageClass(method.input_type)()), timeout=10)
    predictions: list[dict[str, object]] = MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )["predictions"]
    return predictions


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
def encrypted(toy_models: dict[str, bentoml.Model], pairs: tuple[Pair, Pair]) -> Iterator[Server]:
    """A server with a certificate."""
    own = pairs[0]
    with contextlib.ExitStack() as stack:
        with pinned(toy_models):
            start = Server.start(PLANE, environment=own.environment, certificate=own.certificate)
            server = stack.enter_context(start)
        yield server


def test_both_ports_are_encrypted(encrypted: Server, pairs: tuple[Pair, Pair]) -> None:
    trusting = ssl.create_default_context(cafile=pairs[0].certificate)
    over_http = httpx.post(f"{encrypted.url}/{MODEL.name}/predict", json=BODY, verify=trusting)
    credentials = grpc.ssl_channel_credentials(pairs[0].certificate.read_bytes())
    with grpc.secure_channel(encrypted.grpc, credentials) as channel:
        over_grpc = predict(channel)

    assert encrypted.url.startswith("https://")
    assert over_grpc == over_http.json()


def test_neither_port_answers_in_clear(encrypted: Server) -> None:
    with grpc.insecure_channel(encrypted.grpc) as channel, pytest.raises(grpc.RpcError) as failed:
        predict(channel)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{encrypted.url.replace('https', 'http')}/readyz")

    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_key_of_another_certificate_stops_the_start(pairs: tuple[Pair, Pair]) -> None:
    mixed = {**pairs[0].environment, "MODEL_SERVER_TLS_KEY": str(pairs[1].key)}

    output = start_refused(mixed, target=PLANE)

    assert "MODEL_SERVER_TLS_KEY" in output
    assert "cannot be used: [X509: KEY_VALUES_MISMATCH]" in output


def test_a_port_in_use_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = start_refused({"MODEL_SERVER_GRPC_PORT": str(port)}, target=PLANE)

    assert f"gRPC cannot listen on 127.0.0.1:{port} (Address already in use)" in output
    assert "GRPC_PORT=0" in output


def test_the_port_of_http_stops_the_start() -> None:
    port = str(free_port())

    output = start_refused({"MODEL_SERVER_GRPC_PORT": port}, "--port", port, target=PLANE)

    assert f"gRPC cannot listen on 127.0.0.1:{port}, which is HTTP's" in output


def test_a_second_server_does_not_share_the_port(server: Server) -> None:
    output = start_refused({"MODEL_SERVER_GRPC_PORT": server.grpc.split(":")[1]}, target=PLANE)

    assert "gRPC cannot listen on" in output


@pytest.mark.parametrize("off", [{"MODEL_SERVER_GRPC_PORT": "0"}, {"MODEL_SERVER_FAST_PATH": "no"}])
def test_grpc_can_be_switched_off(off: dict[str, str]) -> None:
    port = free_port()
    environment = {"MODEL_SERVER_GRPC_PORT": str(port), "GRPC_PORT": str(port), **off}
    # The web server is the same in both: an upgrade that it declines does not end the connection.
    offer = {"connection": "upgrade", "upgrade": "h2c"}
    with Server.start(PLANE, environment=environment) as server:
        with httpx.Client() as client:
            for _ in range(2):
                assert client.get(f"{server.url}/readyz", headers=offer).status_code == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
