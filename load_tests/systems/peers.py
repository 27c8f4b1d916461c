"""`mlserver`, `litserve` and `rayserve`: other model servers, batching on, optional.

Each runs in an environment of its own, made on first use from the versions pinned in
`load_tests/peers/<name>.txt`. They serve the primary model only, where it is one LightGBM booster
on the features that its records are encoded to.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.processes import ROOT, free_port
from framework import MultiOutput
from framework.recipes.lightgbm import LightGBM
from load_tests.peers import schema
from load_tests.roles import PRIMARY, AnyModel
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
        "name": PRIMARY.name,
        "implementation": "load_tests.peers.mlserver_runtime.Boosted",
        "max_batch_size": 128,
        "max_batch_time": 0.001,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    return [str(Path(python("mlserver")).with_name("mlserver")), "start", str(folder)]


def _tensor(rows: list[dict[str, Any]]) -> str:
    records = [PRIMARY.record.model_validate(row) for row in rows]
    features = PRIMARY.features(PRIMARY.encoder.from_records(records))
    tensor = {
        "name": PRIMARY.rows,
        "datatype": "FP64",
        "shape": list(features.shape),
        "data": features.ravel().tolist(),
    }
    return json.dumps({"inputs": [tensor]})


def _tensor_message(rows: list[dict[str, Any]]) -> bytes:
    from framework.open_inference import inference_pb2 as pb

    tensor = json.loads(_tensor(rows))["inputs"][0]
    contents = {"fp64_contents": tensor.pop("data")}
    request = pb.ModelInferRequest(
        model_name=PRIMARY.name, inputs=[{**tensor, "contents": contents}]
    )
    return request.SerializeToString()


def _check_tensor(reference: Any, rows: list[dict[str, Any]], response: bytes) -> None:
    from framework.open_inference import inference_pb2 as pb

    (output,) = pb.ModelInferResponse.FromString(response).outputs
    _check(reference, rows, list(output.contents.fp64_contents))


def _check(reference: Any, rows: list[dict[str, Any]], answer: Any) -> None:
    reference[PRIMARY.name].check_scores(rows, answer)


def _environment(launch: Launch) -> dict[str, str]:
    path = launch.folder / "schema.json"
    path.write_text(json.dumps(description(PRIMARY)), encoding="utf-8")
    return {"LOAD_TESTS_BOOSTER": launch.booster, schema.VARIABLE: str(path)}


def description(model: AnyModel) -> dict[str, Any]:
    """Returns what `load_tests.peers.schema` must know of a model."""
    return {
        "path": f"/{model.name}/predict",
        "rows": model.rows,
        "fields": [
            {
                "name": one.name,
                "kind": one.kind,
                "nullable": one.nullable,
                "categories": one.categories,
                "bounds": dict(one.bounds),
            }
            for one in model.encoder.fields
        ],
    }


def can_serve(model: AnyModel) -> bool:
    """Whether a model is one LightGBM booster on the very fields of its records."""
    return (
        isinstance(model, LightGBM)
        and not isinstance(model.task, MultiOutput)
        and model.feature_names == model.encoder.names
    )


_PLAIN = Dialect(CONTRACT[PRIMARY.name].path, CONTRACT[PRIMARY.name].encode, _check)
_INFERENCE = Dialect(
    f"/v2/models/{PRIMARY.name}/infer",
    _tensor,
    lambda reference, rows, answer: _check(reference, rows, answer["outputs"][0]["data"]),
)

_CALLED = GrpcDialect("/inference.GRPCInferenceService/ModelInfer", _tensor_message, _check_tensor)


def _only(dialect: Dialect) -> dict[str, Dialect]:
    return {PRIMARY.name: dialect} if can_serve(PRIMARY) else {}


PEERS = {
    one.name: one
    for one in (
        System(
            name="mlserver",
            what="MLServer, adaptive batching, Open Inference over HTTP with one float64 tensor",
            command=_mlserver,
            environment=_environment,
            dialects=_only(_INFERENCE),
            grpc=_CALLED if can_serve(PRIMARY) else None,
        ),
        System(
            name="litserve",
            what="LitServe, batching, a schema and an encoder like the service's",
            command=_module("litserve"),
            environment=_environment,
            dialects=_only(_PLAIN),
        ),
        System(
            name="rayserve",
            what="Ray Serve, batching, a schema and an encoder like the service's",
            command=_module("rayserve"),
            environment=_environment,
            dialects=_only(_PLAIN),
        ),
    )
}
