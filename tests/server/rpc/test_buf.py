"""`buf curl`, which knows nothing of the services but what reflection tells, as grpcurl does."""

import json
import subprocess

import pytest

from tests.processes import Server
from tests.server.asked import MODELS, body_of
from tests.server.environments import python_environment
from tests.server.rpc.calling import SERVICES

pytestmark = pytest.mark.clients


def curl(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Asks over gRPC without TLS."""
    buf = str(python_environment("tools") / "buf")
    plainly = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
    *options, path = arguments
    return subprocess.run(
        [*plainly, *options, f"http://{server.grpc}{path}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_services_are_found_and_called(server: Server) -> None:
    listed = curl(server, "--list-services", "").stdout.split()

    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} < {*listed}
    for name, service in SERVICES.items():
        assert service.full_name in listed
        body = json.dumps(body_of(MODELS[name]))
        answered = curl(server, "--data", body, f"/{service.full_name}/Predict")
        assert len(json.loads(answered.stdout)) == 1, answered.stderr


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_either_version_of_reflection_will_do(server: Server, version: str) -> None:
    method = "/inference.GRPCInferenceService/ServerMetadata"
    answered = curl(server, "--reflect-protocol", f"grpc-{version}", method)

    assert json.loads(answered.stdout)["name"] == "model_server", answered.stderr


def test_a_refusal_is_told(server: Server) -> None:
    asked = json.dumps({"name": "nothing"})
    refused = curl(server, "--data", asked, "/inference.GRPCInferenceService/ModelMetadata")

    assert json.loads(refused.stderr)["code"] == "not_found"
