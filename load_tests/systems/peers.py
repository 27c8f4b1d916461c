"""`mlserver`, `litserve` and `rayserve`: other model servers, batching on, optional.

Each runs in an environment of its own, made on first use from the versions pinned in
`load_tests/peers/<name>.txt`. They serve the turnover model only.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.processes import ROOT, free_port
from load_tests.systems.base import CONTRACT, Dialect, GrpcDialect, Launch, System

_FOLDER = ROOT / "load_tests" / "peers"
_ENVIRONMENTS = ROOT / ".venv-peers"


def python(name: str) -> str:
    """Returns the interpreter of a peer's environment, which is made if it is not there."""
    environment, pinned = _ENVIRONMENTS / name, _FOLDER / f"{name}.txt"
    interpreter, complete = environment / "bin" / "python", environment / ".complete"
    if not complete.exists() or complete.stat().st_mtime < pinned.stat().st_mtime:
        uv = [sys.executable, "-m", "uv"]
        make = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)]
        install = [*uv, "pip", "install", "--quiet", "--python", str(interpreter)]
        for command in (make, [*install, "--requirement", str(pinned)]):
            subprocess.run(command, check=True)  # noqa: S603 - our own commands
        complete.touch()
    return str(interpreter)


def _module(name: str) -> Callable[[Launch], list[str]]:
    def command(launch: Launch) -> list[str]:
        module = f"load_tests.peers.{name}_app"
        return [python(name), "-m", module, str(launch.port), str(launch.workers)]

    return command


def _mlserver(launch: Launch) -> list[str]:
    folder = launch.folder / "mlserver"
    folder.mkdir(exist_ok=True)
    settings = {
        "host": "127.0.0.1",
        "http_port": launch.port,
        "grpc_port": launch.grpc_port,
        "metrics_port": free_port(),
        # One worker is the server's own process: faster than one behind a queue.
        "parallel_workers": launch.workers if launch.workers > 1 else 0,
    }
    model = {
        "name": "attrition",
        "implementation": "load_tests.peers.mlserver_runtime.Turnover",
        "max_batch_size": 128,
        "max_batch_time": 0.001,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return [str(Path(python("mlserver")).with_name("mlserver")), "start", str(folder)]


def _tensor(rows: list[dict[str, Any]]) -> str:
    from models.attrition.features import FEATURES, matrix_from_columns

    columns = {name: [row[name] for row in rows] for name in FEATURES}
    features = matrix_from_columns(columns)
    tensor = {
        "name": "employees",
        "datatype": "FP64",
        "shape": list(features.shape),
        "data": features.ravel().tolist(),
    }
    return json.dumps({"inputs": [tensor]})


def _tensor_message(rows: list[dict[str, Any]]) -> bytes:
    from serving.open_inference import inference_pb2 as pb

    tensor = json.loads(_tensor(rows))["inputs"][0]
    contents = {"fp64_contents": tensor.pop("data")}
    request = pb.ModelInferRequest(
        model_name="attrition", inputs=[{**tensor, "contents": contents}]
    )
    return request.SerializeToString()


def _check_tensor(reference: Any, rows: list[dict[str, Any]], response: bytes) -> None:
    from serving.open_inference import inference_pb2 as pb

    (output,) = pb.ModelInferResponse.FromString(response).outputs
    _check(reference, rows, list(output.contents.fp64_contents))


def _check(reference: Any, rows: list[dict[str, Any]], answer: Any) -> None:
    from load_tests.reference import require_probabilities

    require_probabilities(reference, rows, answer)


def _environment(launch: Launch) -> dict[str, str]:
    return {"LOAD_TESTS_BOOSTER": launch.booster}


_PLAIN = {"attrition": Dialect("/attrition/predict", CONTRACT["attrition"].encode, _check)}
_INFERENCE = {
    "attrition": Dialect(
        "/v2/models/attrition/infer",
        _tensor,
        lambda reference, rows, answer: _check(reference, rows, answer["outputs"][0]["data"]),
    )
}

PEERS = {
    one.name: one
    for one in (
        System(
            name="mlserver",
            what="MLServer, adaptive batching, Open Inference over HTTP with one float64 tensor",
            command=_mlserver,
            environment=_environment,
            dialects=_INFERENCE,
            grpc=GrpcDialect(
                "/inference.GRPCInferenceService/ModelInfer", _tensor_message, _check_tensor
            ),
        ),
        System(
            name="litserve",
            what="LitServe, batching, the service's schema and features",
            command=_module("litserve"),
            environment=_environment,
            dialects=_PLAIN,
        ),
        System(
            name="rayserve",
            what="Ray Serve, batching, the service's schema and features",
            command=_module("rayserve"),
            environment=_environment,
            dialects=_PLAIN,
        ),
    )
}
