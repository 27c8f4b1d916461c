"""Large requests made up, also compressed: none takes ten times its size, or holds the loop."""

from typing import Any

import grpc
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from framework.open_inference import inference_pb2 as pb
from tests.server.fuzz.large import Large, LargeMessage, large_json, large_message
from tests.server.fuzz.test_fuzz import (
    INFER,
    INVALID,
    JSON,
    METHOD,
    MODEL_INFER,
    PROTO,
    TENSORS,
    fuzz,
    require_connects_form,
    require_in_form,
)
from tests.server.fuzz.watch import COMPRESSIONS, ENCODINGS, Watch
from tests.server.toy_models import gauges, kinds, spans, windows
from tests.server.toy_models.gauges import gauges_pb2
from tests.server.toy_models.windows import windows_pb2

pytestmark = pytest.mark.fuzz

# Each costs as much as a hundred small ones.
fewer = settings(fuzz, max_examples=max(20, settings().max_examples // 40))

encodings = st.sampled_from([*ENCODINGS])
RPC = {
    "gauges": METHOD,
    "kinds": "/kinds.v1.KindsService/Predict",
    "spans": "/spans.v1.SpansService/Predict",
    "windows": "/windows.v1.WindowsService/Predict",
}


def _rows(model: Any) -> dict[str, Any]:
    return {model.MODEL.rows: [dict(one) for one in model.MODEL.sample]}


# Judged by msgspec, by pydantic, and with lists.
_MODELS = [gauges, spans, windows, kinds]
APIS = st.sampled_from([(one.MODEL.name, _rows(one)) for one in _MODELS])


@fewer
@given(data=st.data(), encoding=encodings)
def test_json(watch: Watch, data: st.DataObject, encoding: str) -> None:
    name, valid = data.draw(APIS)
    large: Large = data.draw(large_json(valid))

    require_in_form(*watch.post(f"/{name}/predict", large.body, JSON, encoding))


@fewer
@given(data=st.data(), encoding=encodings)
def test_json_of_connect(watch: Watch, data: st.DataObject, encoding: str) -> None:
    name, valid = data.draw(APIS)
    large: Large = data.draw(large_json(valid))

    require_connects_form(*watch.post(RPC[name], large.body, JSON, encoding))


@fewer
@given(large=large_json(TENSORS), encoding=encodings)
def test_json_of_open_inference(watch: Watch, large: Large, encoding: str) -> None:
    require_in_form(*watch.post(INFER, large.body, JSON, encoding))


_GAUGES = gauges_pb2.GaugesRequest(gauges=[gauges_pb2.Gauge(level=1, count=2)]).SerializeToString()
_WINDOW = windows_pb2.Window(readings=[1, 2, 3], steps=[1, 2], flags=[True, False])
_WINDOWS = windows_pb2.WindowsRequest(windows=[_WINDOW]).SerializeToString()
_REQUEST = pb.ModelInferRequest(model_name="gauges")
_REQUEST.inputs.add(name="level", datatype="FP64", shape=[2]).contents.fp64_contents.extend([1, 2])
_ASKED = pb.ModelMetadataRequest(name="gauges").SerializeToString()
_FIELDS = range(1, 9)
MESSAGES = st.one_of(
    st.tuples(
        st.just(METHOD), large_message(_GAUGES, (), (1,), *((1, field) for field in _FIELDS))
    ),
    st.tuples(
        st.just(RPC["windows"]),
        large_message(_WINDOWS, (), (1,), *((1, field) for field in _FIELDS)),
    ),
    st.tuples(
        st.just(MODEL_INFER),
        large_message(
            _REQUEST.SerializeToString(),
            *((), (4,), (5,), (6,), (6, 2), (7,), (5, 5), (5, 3), (5, 4)),
            *((5, 5, field) for field in _FIELDS),
        ),
    ),
    st.tuples(
        st.sampled_from(
            [
                f"/inference.GRPCInferenceService/{name}"
                for name in ("ModelMetadata", "ModelReady", "RepositoryModelLoad")
            ]
        ),
        large_message(_ASKED, (), (1,), (3,)),
    ),
)


@fewer
@given(asked=MESSAGES, compression=st.sampled_from(COMPRESSIONS), encoding=encodings)
def test_messages(
    watch: Watch,
    asked: tuple[str, LargeMessage],
    compression: grpc.Compression,
    encoding: str,
) -> None:
    method, large = asked
    body = large.body

    status = watch.call(method, body, compression)

    event(status.name)
    assert status in INVALID | {grpc.StatusCode.PERMISSION_DENIED}
    if method in RPC.values():
        require_connects_form(*watch.post(method, body, PROTO, encoding))
