"""ModelInfer: large answers are written beside the event loop."""

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from framework.open_inference import inference_pb2 as pb
from serving.access.principal import ANYBODY
from serving.beside import MANY_ROWS
from serving.grpc.call import Call
from serving.open_inference.model import InferenceModel, Output
from serving.open_inference.servicer import AskedModel, inference_service
from serving.open_inference.signature import OutputColumn
from tests.unit.serving.http.test_endpoint import BUNDLE, Gauging, prediction_of

# The decorated class is a `bentoml.Service`, which its type does not tell.
API: Any = Gauging.apis["predict"]  # type: ignore[attr-defined]


class Watched(InferenceModel):
    """Notes whether the event loop's thread writes."""

    on_loop: list[bool] = []  # noqa: RUF012 - emptied by each test

    def write(self, answers: Sequence[Any], asked: Sequence[OutputColumn]) -> list[Output]:
        """See `InferenceModel`."""
        self.on_loop.append(threading.current_thread() is threading.main_thread())
        return super().write(answers, asked)


def request_of(rows: int, *, raw: bool) -> pb.ModelInferRequest:
    """Asks about so many gauges."""
    request = pb.ModelInferRequest(model_name=BUNDLE.model.name, id="abc")
    for name in ("level", "count", "flag"):
        tensor = request.inputs.add(name=name, datatype="FP64", shape=[rows])
        if raw:
            request.raw_input_contents.append(np.ones(rows).tobytes())
        else:
            tensor.contents.fp64_contents.extend([1.0] * rows)
    grade = request.inputs.add(name="grade", datatype="BYTES", shape=[rows])
    if raw:
        request.raw_input_contents.append(b"\x03\x00\x00\x00low" * rows)
    else:
        grade.contents.bytes_contents.extend([b"low"] * rows)
    return request


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
@pytest.mark.parametrize(("rows", "on_loop"), [(1, True), (MANY_ROWS, False)])
def test_many_answers_are_written_beside_the_loop(
    rows: int, on_loop: bool, method: str, raw: bool
) -> None:
    Watched.on_loop.clear()

    async def ready() -> bool:
        return True

    async def run() -> bytes:
        predict = partial(API.func, None)
        async with prediction_of(API, predict, MANY_ROWS, BUNDLE) as prediction:
            model = Watched.of(BUNDLE, prediction)
            asked = AskedModel.of(model, None)
            service = inference_service({model.name: asked}, ready, lambda: True, lambda: None)
            request = request_of(rows, raw=raw)
            path = f"/{service.descriptor.full_name}/{method}"
            call = Call("1", path, "", 1)
            call.principal = ANYBODY
            return await service.methods[path].handler(request, call)

    content = asyncio.run(run())
    if method == "ModelStreamInfer":
        streamed = pb.ModelStreamInferResponse.FromString(content)
        assert not streamed.error_message
        answer = streamed.infer_response
    else:
        answer = pb.ModelInferResponse.FromString(content)
    assert answer.id == "abc"
    assert [one.shape[0] for one in answer.outputs] == [rows] * len(answer.outputs)
    assert bool(answer.raw_output_contents) == raw
    assert Watched.on_loop == [on_loop]
